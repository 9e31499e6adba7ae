import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { runConfigSchema } from '../../src/config.js'
import { CoreError, parseConfig } from '../../src/core/index.js'
import { selectors } from '../../src/cot-search/index.js'
import { shardFormats } from '../../src/packing/shards/formats/table.js'
import { rendererNames } from '../../src/rendering/index.js'

const test = suite('choices')

/** What a run is told of this config. */
function refusal(config: unknown): string {
  try {
    parseConfig(runConfigSchema, config, 'run.json')
    return 'accepted'
  } catch (error) {
    assert.instance(error, CoreError)
    assert.is((error as CoreError).code, 'CONFIG_INVALID')
    return (error as CoreError).message
  }
}

/** Every place where a name of a table is chosen by config: its key, a config that chooses it, and the names there are. */
const choices: [string, (name: string) => unknown, string[]][] = [
  ['packing.renderer', (renderer) => ({ packing: { renderer } }), rendererNames],
  ['packing.formats.0', (format) => ({ packing: { formats: [format] } }), Object.keys(shardFormats)],
  ['search.selector', (selector) => ({ search: { selector } }), Object.keys(selectors)],
]

for (const [key, configOf, names] of choices) {
  test(`a name that ${key} does not know is refused in one line with its key and the names there are`, () => {
    const message = refusal(configOf('chatml'))
    assert.ok(message.startsWith(`run.json is not a valid config: ${key}: `), message)
    for (const name of names) assert.ok(message.includes(`"${name}"`), message)
    assert.ok(message.endsWith('Correct these keys.') && !message.includes('\n'), message)
    for (const name of names) assert.is(refusal(configOf(name)), 'accepted')
  })
}

test('a config without these keys means what it meant before there was a choice', () => {
  const { packing, search } = runConfigSchema.parse({})
  assert.equal([packing.renderer, packing.formats], ['llama3-chat', ['parquet', 'arrow']])
  assert.is(search === false ? null : search.selector, 'greedy')
})

test.run()
