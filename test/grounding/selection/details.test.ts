import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { memoryBlobStore } from '../../../src/core/index.js'
import { groundRepository } from '../../../src/grounding/index.js'
import { ground, writeRepository } from '../repository-fixture.js'

const test = suite('details of skipped files')

async function detailsOf(files: Record<string, string | Uint8Array>, options = {}): Promise<Record<string, string>> {
  const { snapshot } = await ground(writeRepository({ 'a.py': 'a = 1\n', ...files }), options)
  return Object.fromEntries(snapshot.skipped.map(({ path, detail }) => [path, detail]))
}

test('one byte is singular, and two are plural', async () => {
  const details = await detailsOf({
    'one.png': new Uint8Array(1),
    'two.png': new Uint8Array(2),
    'one.md': Uint8Array.of(0xff),
    'two.md': Uint8Array.of(0xff, 0xfe),
    'nul.md': Uint8Array.of(0),
  })
  assert.equal(details, {
    'nul.md': 'a NUL byte at offset 0, 1 byte in all',
    'one.md': '1 byte that is not UTF-8',
    'one.png': 'a .png file, 1 byte',
    'two.md': '2 bytes that are not UTF-8',
    'two.png': 'a .png file, 2 bytes',
  })
})

test('bounds of one are singular', async () => {
  assert.equal(await detailsOf({ 'b/c/d.py': 'd = 1\n' }, { maxDepth: 1 }), {
    'b/c': 'more than 1 folder deep (maxDepth)',
  })
  assert.equal(await detailsOf({ 'b.py': 'b = 1\n' }, { maxFiles: 1 }), {
    'b.py': '1 file was kept before it (maxFiles)',
  })
  assert.equal(await detailsOf({ 'b.md': 'bb' }, { maxTextSizeBytes: 1 }), {
    'b.md': '2 bytes, over the bound of 1 byte (maxTextSizeBytes)',
  })
  assert.equal(await detailsOf({ 'b.py': 'b = 1\n' }, { maxEntries: 1 }), {
    '.': 'the walk stopped here after 1 entry (maxEntries)',
  })
})

test('a repository of one skipped file says so', async () => {
  const messageOf = async (files: Record<string, string>): Promise<string> => {
    const folder = writeRepository(files)
    const failure = await groundRepository(folder, {}, memoryBlobStore()).catch((error: unknown) => error)
    return String((failure as Error).message).replace(folder, 'FOLDER')
  }
  const next = 'Give a folder or archive with source files.'
  assert.is(
    await messageOf({ 'a.png': 'x' }),
    `FOLDER holds nothing to write: its only entry was skipped (1 binary). ${next}`,
  )
  assert.is(
    await messageOf({ 'a.png': 'x', 'b.png': 'x' }),
    `FOLDER holds nothing to write: all 2 entries were skipped (2 binary). ${next}`,
  )
})

test.run()
