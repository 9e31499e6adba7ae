import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import fc from 'fast-check'
import { openaiRow, openParquetRows } from '../../src/interchange/index.js'
import { debugged } from '../interchange/debugged-trajectory.js'
import { anyTrajectory, readSpan } from '../packing/random-trajectories.js'
import { pythonWith } from './python-with.js'

const test = suite('openai rows')

const script = join(process.env.RETRACE_ROOT ?? process.cwd(), 'test/python/openai_rows_check.py')
const name = 'pyarrow reads from Parquet what the lines of JSON say'

const found = pythonWith('pyarrow')
if ('reason' in found) {
  process.stdout.write(`skipped: "${name}": ${found.reason}\n`)
  test.skip(name, () => {})
} else {
  test(name, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'retrace-openai-'))
    try {
      // More than go into one row group.
      const trajectories = [...fc.sample(anyTrajectory, { numRuns: 40, seed: 5 }), debugged]
      const rows = trajectories.map((one) => openaiRow(one, readSpan))
      const chunks: Uint8Array[] = []
      const writer = await openParquetRows((bytes) => Promise.resolve(void chunks.push(bytes.slice())))
      for (const row of rows) await writer.write(row)
      await writer.finish()
      const path = join(folder, 'rows.parquet')
      writeFileSync(path, Buffer.concat(chunks))

      const output = execFileSync(found.python, [script, path], { encoding: 'utf8', maxBuffer: 2 ** 26 })
      const seen = output.trim().split('\n')
      assert.is(seen.length, rows.length)
      for (const [index, line] of seen.entries())
        assert.equal(JSON.parse(line), JSON.parse(JSON.stringify(rows[index])))
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}

test.run()
