import { mkdirSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { memoryBlobStore } from '../../../src/core/index.js'
import { GroundingError, groundRepository, refuseAddress } from '../../../src/grounding/index.js'
import { writeRepository } from '../repository-fixture.js'

const test = suite('address')

async function messageFor(input: string): Promise<string> {
  try {
    await groundRepository(input, {}, memoryBlobStore())
  } catch (error) {
    assert.instance(error, GroundingError)
    assert.is((error as GroundingError).code, 'INPUT_NOT_FOUND')
    return (error as GroundingError).message
  }
  return assert.unreachable(`${input} was grounded`) as never
}

test('the address of a repository gets one line with the command that clones it', async () => {
  const asWritten = [
    'https://github.com/o/r',
    'https://github.com/o/r.git',
    'http://git.example.org/r',
    'ssh://git@gitlab.com/o/r.git',
    'git://example.org/r.git',
    'git@github.com:o/r.git',
    'me@host.example.org:~/r',
  ]
  for (const input of asWritten) {
    assert.is(await messageFor(input), `${input} is an address, not a folder. Clone it first: git clone ${input}`)
  }
})

test('the command has a scheme, and lacks what a browser adds', async () => {
  const commands: [input: string, command: string][] = [
    ['github.com/o/r', 'git clone https://github.com/o/r'],
    ['www.gitlab.com/o/group/r', 'git clone https://www.gitlab.com/o/group/r'],
    ['bitbucket.org/o/r', 'git clone https://bitbucket.org/o/r'],
    ['https://github.com/o/r?tab=readme-ov-file#install', 'git clone https://github.com/o/r'],
    ['https://github.com/o/r/tree/main/src', 'git clone https://github.com/o/r'],
    ['https://gitlab.com/o/r/-/blob/main/a.py', 'git clone https://gitlab.com/o/r'],
  ]
  for (const [input, command] of commands) assert.ok((await messageFor(input)).endsWith(` first: ${command}`), input)
})

test('a path that looks like an address and exists is a path', () => {
  const before = process.cwd()
  const folder = mkdtempSync(join(tmpdir(), 'retrace-address-'))
  mkdirSync(join(folder, 'github.com', 'o', 'r'), { recursive: true })
  process.chdir(folder)
  try {
    refuseAddress('github.com/o/r')
    assert.throws(() => refuseAddress('github.com/o/other'), /git clone https:\/\/github\.com\/o\/other$/)
  } finally {
    process.chdir(before)
  }
})

test('paths, revisions and archives are no addresses', () => {
  const folder = writeRepository({ 'a.py': 'a = 1\n' })
  const paths = [folder, `${folder}@main`, '../r', './a/b', 'C:\\code\\r', 'name@1.0.tar.gz', 'github.com', 'r.git']
  for (const path of paths) refuseAddress(path)
})

test.run()
