import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { InterchangeError, readRows, type Row } from '../../src/interchange/index.js'

const test = suite('read rows')

const scratch = mkdtempSync(join(tmpdir(), 'retrace-rows-'))
test.after(() => rmSync(scratch, { recursive: true }))

async function rowsOf(name: string, data: string | Uint8Array, maxBytes?: number): Promise<Row[]> {
  const path = join(scratch, name)
  writeFileSync(path, data)
  return collect(path, maxBytes)
}

async function collect(path: string, maxBytes?: number): Promise<Row[]> {
  const rows: Row[] = []
  for await (const row of readRows(path, maxBytes)) rows.push(row)
  return rows
}

/** `3 value` for a row that can be read, `3 reason` for one that cannot. */
const told = (rows: readonly Row[]): string[] =>
  rows.map((row) => `${row.line} ${'value' in row ? JSON.stringify(row.value) : row.reason}`)

test('a bad line is named with its number, and the others are read', async () => {
  const latin = Buffer.from([0x22, 0xe9, 0x22, 0x0a])
  const data = Buffer.concat([Buffer.from('\ufeff{"a":1}\r\n\n{"a":\n'), latin, Buffer.from('"é"\n"no line end"')])
  assert.equal(told(await rowsOf('mixed.jsonl', data)), [
    '1 {"a":1}',
    '3 unreadable',
    '4 unreadable',
    '5 "é"',
    '6 "no line end"',
  ])
})

test('a line that is too long is left out, wherever the pieces of the file end', async () => {
  // Longer than two pieces of the stream.
  const long = JSON.stringify('x'.repeat(2_500_000))
  const rows = await rowsOf('long.jsonl', `1\n${long}\n2\n${long}`, 1_000_000)
  assert.equal(told(rows), ['1 1', '2 too-long', '3 2', '4 too-long'])
  const whole = await rowsOf('long.jsonl', `1\n${long}\n2\n${long}`)
  assert.equal(
    whole.map((row) => ('value' in row ? String(row.value).length : row.reason)),
    [1, 2_500_000, 1, 2_500_000],
  )
})

test('a JSON document is a row, or one for each element of an array', async () => {
  assert.equal(told(await rowsOf('one.json', '{\n "a": 1\n}\n')), ['1 {"a":1}'])
  assert.equal(told(await rowsOf('many.json', '[1, {"a":2}]')), ['1 1', '2 {"a":2}'])
  assert.equal(told(await rowsOf('bad.json', '{"a"')), ['1 unreadable'])
  assert.equal(told(await rowsOf('empty.json', ' ')), ['1 unreadable'])
  assert.equal(told(await rowsOf('large.json', '[1,2,3]', 5)), ['1 too-long'])
})

test('a file that cannot be read at all is one clear error', async () => {
  const refused = async (work: () => Promise<unknown>, message: RegExp): Promise<void> => {
    try {
      await work()
      assert.unreachable()
    } catch (error) {
      assert.instance(error, InterchangeError)
      assert.is((error as InterchangeError).code, 'FILE_INVALID')
      assert.match((error as InterchangeError).message, message)
    }
  }
  await refused(() => collect(join(scratch, 'none.jsonl')), /none\.jsonl does not exist/)
  await refused(() => collect(join(scratch, 'none.parquet')), /none\.parquet does not exist/)
  await refused(() => rowsOf('noise.parquet', 'PAR1 and nothing more'), /noise\.parquet cannot be read/)
  await refused(() => rowsOf('empty.parquet', ''), /empty\.parquet cannot be read/)
  await refused(() => rowsOf('rows.csv', 'a,b'), /rows\.csv has none of the endings/)
})

test.run()
