import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { canonicalJson } from '../../src/core/index.js'
import { packTrajectories, packingOptionsSchema, readShard } from '../../src/packing/index.js'
import { shardManifestSchema, type ShardManifest } from '../../src/records/index.js'
import { createRenderer } from '../../src/rendering/index.js'
import { loadTokenizer } from '../../src/tokenizer/index.js'
import { readSpan, trajectoryOfSizes } from '../packing/random-trajectories.js'
import { pythonVariables, pythonWith } from './python-with.js'

const test = suite('train convert')

const root = process.env.RETRACE_ROOT ?? process.cwd()
const model = join(root, 'models/retrace-small')
const work = mkdtempSync(join(tmpdir(), 'retrace-convert-'))
const shards = join(work, 'shards')

/** Runs one check of the program in a folder of its own, and gives what it printed. */
function check(python: string, name: string, ...more: string[]): Record<string, unknown> {
  const folder = join(work, name)
  mkdirSync(folder)
  const output = execFileSync(
    python,
    [join(root, 'test/python/train_convert_check.py'), name, folder, model, ...more],
    {
      encoding: 'utf8',
      env: { ...process.env, ...pythonVariables },
    },
  )
  return JSON.parse(output.trim().split('\n').at(-1) as string) as Record<string, unknown>
}

/** Parses by the schema that the trainer's side reads with, and reads every shard by our own reader. */
async function readConverted(folder: string): Promise<ShardManifest> {
  const manifest = shardManifestSchema.parse(JSON.parse(readFileSync(join(folder, 'manifest.json'), 'utf8')))
  for (const { file, rows, tokens } of manifest.shards) {
    const read = await readShard(join(folder, file))
    assert.equal([read.length, read.reduce((sum, row) => sum + row.inputIds.length, 0)], [rows, tokens])
  }
  const { packing, domains } = manifest
  assert.is(
    packing.trainedTokens,
    Object.values(domains).reduce((sum, domain) => sum + domain.trainedTokens, 0),
  )
  return manifest
}

const withNumpy = pythonWith('numpy')
const withArrow = pythonWith('pyarrow')
const withStreaming = pythonWith('streaming')

function testWith(
  found: { python: string } | { reason: string },
  name: string,
  run: (python: string) => unknown,
): void {
  if ('python' in found) return void test(name, async () => void (await run(found.python)))
  process.stdout.write(`skipped: "${name}": ${found.reason}\n`)
  test.skip(name, () => {})
}

// Documents longer than a row are among them, so that some pieces have no end.
test.before(async () => {
  const trajectories = Array.from({ length: 12 }, (_, i) =>
    trajectoryOfSizes(`t${i}`, [i * 40, 900 - i, 700, 40], i % 2 === 0 ? 'python' : 'typescript'),
  )
  const options = packingOptionsSchema.parse({ sequenceLength: 1200, maxShardTokens: 4000, megatron: true })
  const tokenizer = await loadTokenizer(model)
  const renderer = createRenderer('llama3-chat')
  const manifest = await packTrajectories(
    { trajectories, read: readSpan, tokenizer, renderer, folder: shards },
    options,
  )
  writeFileSync(join(shards, 'manifest.json'), canonicalJson(manifest))
})
test.after(() => rmSync(work, { recursive: true }))

testWith(withArrow, "Bridge's columns say the same, whether packing or the converter wrote them", (python) => {
  assert.ok((check(python, 'bridge', shards).trained as number) > 1000)
})

testWith(withArrow, "OLMo-core's streams have each document whole, up to an EOS, with its mask beside it", (python) => {
  const { documents, domains, eosAdded } = check(python, 'olmo', shards)
  assert.ok((documents as number) > 12 && (eosAdded as number) > 0)
  assert.equal(domains, ['python', 'typescript'])
})

testWith(
  withNumpy,
  'torchtitan gets labels moved by one, and positions that begin again in each document',
  (python) => {
    const expected = { input_ids: [7, 8, 9, 5], labels: [8, -100, -100, 6], positions: [0, 1, 2, 0] }
    assert.equal(check(python, 'titan'), expected)
  },
)

testWith(withArrow, 'a converter writes into no folder that is there, and leaves nothing where it fails', (python) => {
  assert.is((check(python, 'refusals', shards).seen as string[]).length, 4)
  check(python, 'stopped')
})

testWith(withArrow, 'without the library for MDS the failure says how to get it', (python) => {
  assert.is(check(python, 'without_library', shards).code, 'PYTHON_PACKAGE_MISSING')
})

testWith(withStreaming, 'shards that become MDS and shards again have the same rows', async (python) => {
  const { rows, folder } = check(python, 'round_trip')
  assert.ok((rows as number) > 100)
  const manifest = await readConverted(folder as string)
  assert.equal([manifest.renderer, manifest.masks], ['mds', {}])
})

testWith(withStreaming, "ProLong's data becomes shards whose manifest the trainer takes", async (python) => {
  const { packing } = await readConverted(check(python, 'prolong').folder as string)
  assert.is(packing.trainedTokens, 6 + 3)
})

testWith(
  withStreaming,
  'MDS that leads out of its folder, runs code or is of another tokenizer is refused',
  (python) => {
    assert.is(check(python, 'mds_refusals').refused, 6)
  },
)

test.run()
