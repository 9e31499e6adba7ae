import { existsSync, readFileSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { sha256Hex } from '../../src/core/index.js'
import { branchOf, tokensOf, walkSteps } from '../../src/cot-search/index.js'
import { readModelInfo } from '../../src/model/index.js'
import { createRenderer } from '../../src/rendering/index.js'
import { createScorer } from '../../src/scoring/index.js'
import { loadTokenizer } from '../../src/tokenizer/index.js'
import { synthesizeFolder } from '../support.js'

const test = suite('shipped model')
const root = process.env['RETRACE_ROOT'] ?? process.cwd()
const modelDir = join(root, 'models', 'retrace-small')

interface ModelManifest {
  parameters: number
  files: Record<string, { bytes: number; sha256: string }>
  sources: { name: string; licence: string }[]
  figures: { held_out: { bits_per_byte: number; xz_9_bits_per_byte: number; nats_per_token: Record<string, number> } }
}
const manifest = JSON.parse(readFileSync(join(modelDir, 'manifest.json'), 'utf8')) as ModelManifest

test('its manifest names every file with its bytes, and it keeps to its size', async () => {
  for (const [name, { bytes, sha256 }] of Object.entries(manifest.files)) {
    const content = readFileSync(join(modelDir, name))
    assert.is(content.length, bytes, name)
    assert.is(sha256Hex(content), sha256, name)
  }
  const all = readdirSync(modelDir).map((name) => statSync(join(modelDir, name)).size)
  assert.ok(all.reduce((sum, size) => sum + size, 0) <= 16_000_000)
  assert.ok(manifest.parameters <= 8_000_000)
  const info = await readModelInfo(modelDir)
  assert.ok(info.contextLength >= 4096)
  assert.is((await loadTokenizer(modelDir)).vocabularySize, info.vocabularySize)
})

test('it was not trained on what the demo, the tests and the benches use, and its manifest states both measures', () => {
  const used = [
    'semver',
    'piscina',
    'cli-progress',
    'uvu',
    'picocolors',
    'zod',
    'commander',
    'click',
    'jinja2',
    'requests',
  ]
  const sources = manifest.sources.map(({ name }) => name.toLowerCase())
  assert.ok(sources.length > 100)
  for (const name of used) assert.not(sources.includes(name), name)
  assert.ok(manifest.sources.every(({ licence }) => licence !== ''))
  const { bits_per_byte, xz_9_bits_per_byte } = manifest.figures.held_out
  assert.ok(bits_per_byte < xz_9_bits_per_byte)
})

test('on real code its scores follow a thought: its own helps, and that of another file does not', async () => {
  const folder = join(root, 'node_modules', 'semver')
  assert.ok(existsSync(folder))
  const { trajectory, read } = await synthesizeFolder(folder, { maxActionBytes: 3600 })
  const tokenizer = await loadTokenizer(modelDir)
  const renderer = createRenderer('llama3-chat')
  const steps = walkSteps(trajectory, renderer, read).filter((step) => step.leadsToCode && step.path.endsWith('.js'))
  const picked = steps.slice(0, 12)
  const scorer = await createScorer({ modelDir })
  const means = { none: 0, own: 0, other: 0 }
  try {
    const opening = picked[0]?.rendered.open ?? []
    const prefix = await scorer.open(tokensOf(tokenizer, [...renderer.header(trajectory).slice(0, 1), ...opening]))
    for (const [index, { rendered }] of picked.entries()) {
      const other = picked[(index + 5) % picked.length]?.rendered.thought ?? []
      const branches = [[], rendered.thought, other].map((thought) => branchOf(tokenizer, rendered, thought))
      const scores = await scorer.score(prefix, branches)
      const [none, own, wrong] = scores.map(
        ({ logProbs }) => logProbs.reduce((sum, logProb) => sum + logProb, 0) / logProbs.length,
      )
      means.none += (none ?? 0) / picked.length
      means.own += (own ?? 0) / picked.length
      means.other += (wrong ?? 0) / picked.length
    }
  } finally {
    await scorer.dispose()
  }
  const shown = JSON.stringify(means)
  assert.ok(means.none > -4, `${shown}: it does not know code`)
  assert.ok(means.own - means.none > 0.02, `${shown}: a thought gains nothing`)
  assert.ok(means.own - means.other > 0.02, `${shown}: another file's thought does as well`)
})

test.run()
