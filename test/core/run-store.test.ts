import { appendFileSync, existsSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { RetraceError, RunStore } from '../../src/core/index.js'

const test = suite('run store')
function newStore(): RunStore {
  const store = new RunStore(mkdtempSync(join(tmpdir(), 'retrace-store-')))
  store.write('.', 'config', {})
  return store
}
const row = z.strictObject({ n: z.int() })

function codeOf(work: () => unknown): string {
  try {
    work()
  } catch (error) {
    return error instanceof RetraceError ? error.code : `other: ${String(error)}`
  }
  return 'no error'
}

test('a record is there whole, with its keys in order, or not at all', () => {
  const store = newStore()
  assert.not(store.isFinished('things', 'a'))
  store.write('things', 'a', { b: 1, a: [{ d: 2, c: 3 }] })
  assert.ok(store.isFinished('things', 'a'))
  assert.is(readFileSync(store.path('things', 'a.json'), 'utf8'), '{"a":[{"c":3,"d":2}],"b":1}\n')
  assert.equal(readdirSync(store.path('things')), ['a.json'])
  assert.equal(store.finished('things'), ['a'])
  assert.equal(store.finished('nothing'), [])
})

test('a row that a kill cut short is dropped, and the next row follows the whole ones', () => {
  const store = newStore()
  store.append('rows', 'a', { n: 1 })
  store.append('rows', 'a', { n: 2 })
  appendFileSync(store.path('rows', 'a.jsonl'), '{"n":')
  assert.equal(store.rows('rows', 'a', row), [{ n: 1 }, { n: 2 }])
  store.append('rows', 'a', { n: 3 })
  assert.equal(store.rows('rows', 'a', row), [{ n: 1 }, { n: 2 }, { n: 3 }])
})

test('a missing record and one of another form have their own codes', () => {
  const store = newStore()
  assert.is(
    codeOf(() => store.read('things', 'a', row)),
    'RUN_INCOMPLETE',
  )
  store.write('things', 'a', { n: 'one' })
  assert.is(
    codeOf(() => store.read('things', 'a', row)),
    'RECORD_INVALID',
  )
  writeFileSync(store.path('things', 'a.json'), '{"n":')
  assert.is(
    codeOf(() => store.read('things', 'a', row)),
    'RECORD_INVALID',
  )
})

test('a folder is taken by one living process at a time', () => {
  const store = newStore()
  const unlock = store.lock()
  assert.is(
    codeOf(() => store.lock()),
    'RUN_BUSY',
  )
  unlock()
  assert.not(existsSync(store.path('lock')))
  // The largest process id that Linux gives out is below 2^22, so nobody has this one.
  writeFileSync(store.path('lock'), `${2 ** 22 + 1} ${hostname()}`)
  store.lock()()
  writeFileSync(store.path('lock'), '1 another-host')
  assert.is(
    codeOf(() => store.lock()),
    'RUN_BUSY',
  )
})

test('a lock with the number of this process, or of one that started at another time, is left from an earlier life', () => {
  const store = newStore()
  writeFileSync(store.path('lock'), `${process.pid} ${hostname()} 12345`)
  store.lock()()
  writeFileSync(store.path('lock'), `${process.ppid} ${hostname()} 12345`)
  store.lock()()
})

test('a folder that a kill left with a lock and a half-written config is still a run to go on with', () => {
  const store = new RunStore(mkdtempSync(join(tmpdir(), 'retrace-begun-')))
  const gone = 2 ** 22 + 1
  writeFileSync(store.path('lock'), `${gone} ${hostname()} 1`)
  for (const name of [`config.json.${gone}-0.tmp`, `lock.${gone}.tmp`, `lock.${gone}-stale.tmp`]) {
    writeFileSync(store.path(name), '{')
  }
  store.lock()()
  assert.equal(readdirSync(store.folder), [])
})

test('a folder that holds other things than a run is left alone', () => {
  const folder = mkdtempSync(join(tmpdir(), 'retrace-mine-'))
  writeFileSync(join(folder, 'notes.1.tmp'), 'mine')
  const store = new RunStore(folder)
  assert.is(
    codeOf(() => store.lock()),
    'OUT_NOT_A_RUN',
  )
  assert.equal(readdirSync(folder), ['notes.1.tmp'])
})

test('whoever takes the folder removes what a killed process was still writing', () => {
  const store = newStore()
  store.write('things', 'a', { n: 1 })
  writeFileSync(store.path('things', 'b.json.7-0.tmp'), '{"n":')
  writeFileSync(store.path('things', 'mine.tmp'), 'not ours by its name')
  store.lock()()
  assert.equal(readdirSync(store.path('things')), ['a.json', 'mine.tmp'])
})

test('a blob comes back as it was, and a changed byte is noticed when it is read first', () => {
  const store = newStore()
  const digest = store.blobs.put(Buffer.from('some bytes'))
  assert.is(Buffer.from(store.blobs.get(digest)).toString(), 'some bytes')
  assert.is(store.blobs.put(Buffer.from('some bytes')), digest)
  writeFileSync(store.path('blobs', digest.slice(0, 2), digest), 'some bytez')
  assert.is(
    codeOf(() => new RunStore(store.folder).blobs.get(digest)),
    'RECORD_INVALID',
  )
  assert.is(
    codeOf(() => store.blobs.get('0'.repeat(64))),
    'RECORD_INVALID',
  )
})

test.run()
