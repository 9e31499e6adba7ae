import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { errorTables } from '../../src/pipeline/index.js'

const test = suite('error tables')
const rows = Object.entries(errorTables).flatMap(([room, table]) =>
  Object.entries(table).map(([code, facts]) => ({ room, code, ...facts })),
)

test('the codes that make the command line exit with 2 are these', () => {
  const usage = new Set(rows.filter(({ kind }) => kind === 'usage').map(({ code }) => code))
  assert.equal([...usage].sort(), [
    'BACKEND_MISSING',
    'CONFIG_INVALID',
    'DEVICE_UNAVAILABLE',
    'DISK_TOO_SMALL',
    'GIT_MISSING',
    'INPUT_NOT_FOUND',
    'MEMORY_TOO_SMALL',
    'MODEL_MISSING_FILE',
    'NATIVE_NOT_BUILT',
    'NATIVE_TOOLS_MISSING',
    'NODE_TOO_OLD',
    'OUT_NOT_A_RUN',
    'PYTHON_INCOMPLETE',
    'PYTHON_MISSING',
    'ROW_TOO_LONG',
    'RUN_MISMATCH',
    'TOKENIZER_MISMATCH',
    'TOKENIZER_MISSING',
    'USAGE',
    'WORLD_SIZE_INVALID',
  ])
})

test('a code that stands in several rooms has the same exit code in each', () => {
  for (const { room, code, kind } of rows) {
    const others = rows.filter((other) => other.code === code && (other.kind === 'usage') !== (kind === 'usage'))
    assert.equal(others, [], `${code} of ${room}`)
  }
})

test('what ends a run, and does not only reject one repository, are these codes of the rooms that read and write', () => {
  const ending = rows.filter(({ room, kind }) => kind === 'run' && ['generation', 'grounding'].includes(room))
  assert.equal(ending.map(({ code }) => code).sort(), [
    'ABORTED',
    'API_KEY_MISSING',
    'BUDGET_SPENT',
    'CALLS_BROKEN',
    'ENDPOINT_REFUSED',
    'ENDPOINT_UNREACHABLE',
    'PROMPT_INVALID',
  ])
})

test('every meaning is one sentence of its own', () => {
  for (const { room, code, meaning } of rows) assert.match(meaning, /^[A-Z][^\n]{20,150}\.$/, `${code} of ${room}`)
})

test('every room with a file of errors is in the tables', () => {
  const rooms = readdirSync('src').filter((room) => existsSync(join('src', room, 'errors.ts')))
  assert.ok(rooms.length > 5)
  for (const room of rooms) {
    const text = readFileSync(join('src', room, 'errors.ts'), 'utf8')
    const declared = [...text.matchAll(/^ {2}([A-Z_]+): \{/gm)].map(([, code]) => code)
    assert.equal(Object.keys(errorTables[room] ?? {}), declared, room)
  }
})

test.run()
