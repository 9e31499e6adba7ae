import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { packTrajectories, packingOptionsSchema, readShard } from '../../src/packing/index.js'
import { createRenderer } from '../../src/rendering/index.js'
import { readSpan, trajectoryOfSizes } from '../packing/random-trajectories.js'
import { byteTokenizer } from '../packing/byte-tokenizer.js'
import { pythonWith } from './python-with.js'

const test = suite('shards')

const root = process.env.RETRACE_ROOT ?? process.cwd()
const script = join(root, 'scripts/verify/read_shards.py')

interface RowSeen {
  domain: string
  docIds: string[]
  seqLengths: number[]
  sha256: string
}

/** Packs real rows of two domains and reads them by both readers. */
async function compareReaders(
  python: string,
  reader: 'pyarrow' | 'duckdb',
  formats: ('parquet' | 'arrow')[],
): Promise<number> {
  const folder = mkdtempSync(join(tmpdir(), 'retrace-shards-'))
  try {
    const trajectories = Array.from({ length: 30 }, (_, i) =>
      trajectoryOfSizes(`t${i}`, [i * 13, 700 - i, 40], i % 2 === 0 ? 'python' : 'typescript'),
    )
    const options = packingOptionsSchema.parse({ sequenceLength: 1500, maxShardTokens: 8000, formats, megatron: true })
    const renderer = createRenderer('llama3-chat')
    const input = { trajectories, read: readSpan, tokenizer: byteTokenizer, renderer, folder }
    const files = (await packTrajectories(input, options)).shards.map((shard) => join(folder, shard.file))

    const output = execFileSync(python, [script, ...files, '--reader', reader], { encoding: 'utf8' })
    const seen = output
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as RowSeen)
    const rows = (await Promise.all(files.map(readShard))).flat()
    assert.is(seen.length, rows.length)
    for (const [index, { domain, docIds, seqLengths, inputIds, labels }] of rows.entries()) {
      const bytes = [inputIds, labels].map(({ buffer, byteOffset, byteLength }) =>
        Buffer.from(buffer, byteOffset, byteLength),
      )
      const sha256 = createHash('sha256').update(Buffer.concat(bytes)).digest('hex')
      const found = seen[index] as RowSeen
      assert.equal(
        [found.domain, found.docIds, found.seqLengths, found.sha256],
        [domain, docIds, [...seqLengths], sha256],
      )
    }
    return rows.length
  } finally {
    rmSync(folder, { recursive: true })
  }
}

for (const [reader, formats] of [
  ['pyarrow', ['parquet', 'arrow']],
  ['duckdb', ['parquet']],
] as const) {
  const found = pythonWith(reader)
  const name = `${reader} reads the ids and labels that were written, as ${formats.join(' and ')}`
  if ('reason' in found) {
    process.stdout.write(`skipped: "${name}": ${found.reason}\n`)
    test.skip(name, () => {})
  } else {
    test(name, async () => {
      const rows = await compareReaders(found.python, reader, [...formats])
      assert.ok(rows > 20, `only ${rows} rows`)
    })
  }
}

test.run()
