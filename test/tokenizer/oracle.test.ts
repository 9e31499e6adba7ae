import { readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { createRequire } from 'node:module'
import { AutoTokenizer, env } from '@huggingface/transformers'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { loadTokenizer } from '../../src/tokenizer/index.js'

const test = suite('oracle')

const fixtures = join(process.env.RETRACE_ROOT ?? process.cwd(), 'test/scoring/fixtures')
env.allowRemoteModels = false
env.localModelPath = fixtures

/** Code that nobody here wrote: what the packages that we depend on ship. */
function realSources(): string[] {
  const require = createRequire(import.meta.url)
  const zod = dirname(require.resolve('zod/package.json'))
  return [
    ...['package.json', 'v4/core/schemas.js', 'v4/locales/ja.js', 'README.md'].map((name) => join(zod, name)),
    require.resolve('commander'),
  ].map((path) => readFileSync(path, 'utf8'))
}

test('ids equal those of Transformers.js on real code and prose', async () => {
  const ours = await loadTokenizer(join(fixtures, 'tiny-llama'))
  const theirs = await AutoTokenizer.from_pretrained('tiny-llama')
  let tokens = 0
  for (const text of realSources()) {
    const ids = ours.encode(text)
    assert.equal([...ids], theirs.encode(text, { add_special_tokens: false }))
    tokens += ids.length
  }
  assert.ok(tokens > 50_000, `only ${tokens} tokens were compared`)
})

test('Transformers.js turns a special token in text into its id, and we do not', async () => {
  const ours = await loadTokenizer(join(fixtures, 'tiny-llama'))
  const theirs = await AutoTokenizer.from_pretrained('tiny-llama')
  const id = ours.special('<|eot_id|>')
  assert.equal(theirs.encode('a<|eot_id|>', { add_special_tokens: false }).at(-1), id)
  assert.not.ok(ours.encode('a<|eot_id|>').includes(id))
})

test.run()
