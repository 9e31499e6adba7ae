import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { memoryBlobStore } from '../../src/core/index.js'
import { createParsePool, groundRepository } from '../../src/grounding/index.js'
import type { OutlineItem, RepositorySnapshot } from '../../src/records/index.js'
import { ground } from './repository-fixture.js'

const test = suite('real repositories')

const require = createRequire(import.meta.url)

/** Not `require.resolve`: many packages do not export their package.json. */
function packageFolder(name: string): string {
  const folders = (require.resolve.paths(name) ?? []).map((folder) => join(folder, name))
  const found = folders.find((folder) => existsSync(folder))
  if (found === undefined) throw new Error(`${name} is not installed; run npm ci`)
  return found
}

const zodCore = join(packageFolder('zod'), 'src', 'v4', 'core')

// This test must be the first: it is about the moment at which the parsers are loaded.
test('two repositories grounded at the same time in one thread do not disturb each other', async () => {
  const folders = [packageFolder('commander'), zodCore]
  const together = await Promise.all(folders.map((folder) => groundRepository(folder, {}, memoryBlobStore())))
  for (const snapshot of together) {
    assert.equal(
      snapshot.files.filter((file) => file.language !== 'text' && file.outlineFrom === 'lines'),
      [],
    )
  }
  for (const [at, folder] of folders.entries()) {
    assert.equal(await groundRepository(folder, {}, memoryBlobStore()), together[at])
  }
})

test('the core of zod has dependency cycles, and its order is still complete', async () => {
  const { snapshot } = await ground(zodCore)
  assert.ok(
    snapshot.components.some((component) => component.length > 1),
    'no cycle',
  )
  assert.equal([...snapshot.order].sort(), snapshot.files.map((file) => file.path).sort())
  assert.is(snapshot.files.filter((file) => file.outlineFrom === 'lines').length, 0)
  assertDependenciesFirst(snapshot)
})

test('no import of commander or piscina is left unresolved', async () => {
  for (const name of ['commander', 'piscina']) {
    const { snapshot } = await ground(packageFolder(name))
    assert.ok(snapshot.importCounts.file > 10)
    const unresolved = snapshot.files.flatMap((file) =>
      file.imports.filter(({ target }) => target.kind === 'unresolved'),
    )
    assert.equal(unresolved, [])
    assertDependenciesFirst(snapshot)
  }
})

test('every outline item of a real repository starts and ends on a character and holds its name', async () => {
  const { snapshot, slice } = await ground(zodCore)
  let checked = 0
  const check = (path: string, items: readonly OutlineItem[], start: number, end: number): void => {
    let last = start
    for (const item of items) {
      assert.ok(item.start >= last && item.end > item.start && item.end <= end, `${path}: ${item.name}`)
      const code = slice(path, item)
      assert.not.match(code, /\uFFFD/)
      if (item.kind !== 'export' && item.kind !== 'section' && /^[\w$]+$/.test(item.name) && item.name !== 'default') {
        assert.ok(
          item.name.split(', ').every((name) => code.includes(name)),
          `${path}: ${item.name} is not in its range`,
        )
      }
      checked++
      check(path, item.children, item.start, item.end)
      last = item.end
    }
  }
  for (const file of snapshot.files) check(file.path, file.outline, 0, file.sizeBytes)
  assert.ok(checked > 500)
})

test('the snapshot is the same with one thread, two threads and none', async () => {
  const folder = packageFolder('piscina')
  const alone = await groundRepository(folder, {}, memoryBlobStore())
  for (const threads of [1, 2]) {
    const pool = createParsePool(threads)
    try {
      assert.equal(await groundRepository(folder, {}, memoryBlobStore(), { pool }), alone)
    } finally {
      await pool.dispose()
    }
  }
})

function assertDependenciesFirst(snapshot: RepositorySnapshot): void {
  const componentOf = new Map(
    snapshot.components.flatMap((component, at) => component.map((path) => [path, at] as const)),
  )
  for (const [from, to] of snapshot.dependencies) {
    assert.ok((componentOf.get(from) as number) >= (componentOf.get(to) as number), `${from} before ${to}`)
  }
}

test.run()
