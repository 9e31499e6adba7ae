import { spawnSync } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import type { SpanReader } from '../../src/core/index.js'
import { packTrajectories, packingOptionsSchema, readShard } from '../../src/packing/index.js'
import { offlineResultsSchema, type OfflineResults } from '../../src/records/index.js'
import { createRenderer } from '../../src/rendering/index.js'
import { createScorer } from '../../src/scoring/index.js'
import { loadTokenizer } from '../../src/tokenizer/index.js'
import { smallProject, synthesizeFolder, writeRepository } from '../support.js'
import { pythonVariables, pythonWith } from './python-with.js'

const test = suite('evaluation')

const root = process.env.RETRACE_ROOT ?? process.cwd()
const model = join(root, 'models/retrace-small')
const folder = mkdtempSync(join(tmpdir(), 'retrace-evaluation-'))
const shards = join(folder, 'shards')
const needed = 'torch, transformers, tokenizers, pyarrow, rapidfuzz'
const found = pythonWith(needed)

test.before(() => ('reason' in found ? undefined : packShards()))
test.after(() => rmSync(folder, { recursive: true }))

/** Two repositories, each a domain, packed so that documents share rows and some are cut. */
async function packShards(): Promise<void> {
  const first = await synthesizeFolder(writeRepository(smallProject))
  const second = await synthesizeFolder(join(root, 'node_modules/picocolors'))
  const documents = [
    { ...first.trajectory, id: 'one', domain: 'first' },
    { ...first.trajectory, id: 'two', domain: 'first' },
    { ...second.trajectory, domain: 'second' },
  ]
  const read: SpanReader = (span) => {
    try {
      return first.read(span)
    } catch {
      return second.read(span)
    }
  }
  const options = packingOptionsSchema.parse({ sequenceLength: 2048, formats: ['parquet'] })
  const tokenizer = await loadTokenizer(model)
  const renderer = createRenderer('llama3-chat')
  const manifest = await packTrajectories(
    { trajectories: documents, read, tokenizer, renderer, folder: shards },
    options,
  )
  writeFileSync(join(shards, 'manifest.json'), JSON.stringify(manifest))
}

function runPython(python: string, args: string[], env: Record<string, string> = {}): string {
  const variables = { ...process.env, ...pythonVariables, ...env }
  const done = spawnSync(python, args, { encoding: 'utf8', env: variables })
  assert.is(done.status, 0, done.stderr)
  return done.stderr
}

function evaluateHeldOut(python: string): OfflineResults {
  const out = join(folder, 'results.json')
  runPython(python, ['-m', 'retrace_eval', '--model', model, '--out', out, '--held-out', `rows=${shards}`])
  return offlineResultsSchema.parse(JSON.parse(readFileSync(out, 'utf8')))
}

/** Negative log-likelihood of all labelled tokens by our scorer, and how many they are. */
async function scoreRows(): Promise<{ tokens: number; nll: number }> {
  const scorer = await createScorer({ modelDir: model, backend: 'onnx' })
  let [tokens, nll] = [0, 0]
  try {
    const { shards: files } = JSON.parse(readFileSync(join(shards, 'manifest.json'), 'utf8')) as {
      shards: { file: string }[]
    }
    const rows = (await Promise.all(files.map(({ file }) => readShard(join(shards, file))))).flat()
    for (const { inputIds, labels, seqLengths } of rows) {
      let start = 0
      for (const length of seqLengths) {
        const ids = Uint32Array.from(inputIds.subarray(start, start + length))
        const scored = [...labels.subarray(start, start + length).entries()]
          .filter(([, label]) => label >= 0)
          .map(([at]) => ({ start: at - 1, end: at }))
        const prefix = await scorer.open(ids.subarray(0, 1))
        const [score] = await scorer.score(prefix, [{ tokens: ids.subarray(1), scored }])
        scorer.close(prefix)
        for (const logProb of score!.logProbs) nll -= logProb
        tokens += scored.length
        start += length
      }
    }
  } finally {
    await scorer.dispose()
  }
  return { tokens, nll }
}

function testWith(name: string, body: (python: string) => void | Promise<void>): void {
  if ('python' in found) return void test(name, () => body(found.python))
  process.stdout.write(`skipped: "${name}": ${found.reason}\n`)
  test.skip(name, () => {})
}

testWith(
  'evaluation agrees with Transformers, with models whose answers are known and with figures by hand',
  (python) => {
    const told = runPython(python, [join(root, 'test/python/evaluation_check.py')], {
      RETRACE_MODEL: model,
      RETRACE_SHARDS: shards,
    })
    assert.match(told, /Ran \d\d tests/)
  },
)

testWith(
  'the held-out loss of packed rows is that of our own scorer, and the results are the record',
  async (python) => {
    const { heldOut } = evaluateHeldOut(python)
    const { all, domains, tooLong } = heldOut!['rows']!
    assert.equal(Object.keys(domains), ['first', 'second'])
    assert.equal(tooLong, { documents: 0, tokens: 0 })
    const ours = await scoreRows()
    assert.is(all.tokens, ours.tokens)
    assert.ok(ours.tokens > 1000, `only ${ours.tokens} tokens`)
    const difference = Math.abs(all.nllPerToken! - ours.nll / ours.tokens)
    assert.ok(difference < 1e-4, `${all.nllPerToken} nats per token, our scorer ${ours.nll / ours.tokens}`)
  },
)

test.run()
