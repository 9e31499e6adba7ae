import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from './suite.js'
import * as assert from 'uvu/assert'
import { loadRunConfig, runConfigJsonSchema, runConfigSchema, trainingConfigJsonSchema } from '../src/config.js'
import type { JsonSchema } from '../src/core/index.js'

const test = suite('the config of a run')
const folder = mkdtempSync(join(tmpdir(), 'retrace-run-config-'))

function problemsOf(config: unknown): string {
  const path = join(folder, 'run.json')
  writeFileSync(path, JSON.stringify(config))
  try {
    loadRunConfig(path)
  } catch (error) {
    return (error as Error).message.replace(`${path} is not a valid config: `, '')
  }
  return 'it is valid'
}

test('a key of an older version is told with its name of now', () => {
  assert.is(
    problemsOf({ scorer: { keptBranchesMiB: 512 } }),
    'scorer.keptBranchesMiB is now scorer.cacheMiB. Correct these keys.',
  )
})

test('a choice that does not exist is told with those that do', () => {
  assert.match(
    problemsOf({ packing: { formats: ['csv'] } }),
    /^packing\.formats\.0: expected one of .*"parquet".*, got "csv"\./,
  )
  assert.match(
    problemsOf({ packing: { renderer: 'x' } }),
    /^packing\.renderer: expected one of .*"llama3-chat".*, got "x"\./,
  )
  assert.match(
    problemsOf({ scorer: { backend: 'tpu' } }),
    /^scorer\.backend: expected one of .*"native".*, got "tpu"\./,
  )
  assert.match(
    problemsOf({ generation: { kind: 'x' } }),
    /^generation\.kind: expected "narrator" or "endpoint", got "x"\./,
  )
  assert.match(
    problemsOf({ synthesis: { debugging: { kinds: ['x'] } } }),
    /^synthesis\.debugging\.kinds\.0: expected one of /,
  )
})

test('an address with a password is refused without repeating it', () => {
  const generation = { kind: 'endpoint', baseUrl: 'http://me:hunter2@server/v1', model: 'm', apiKey: 'sk-secret' }
  const said = problemsOf({ generation })
  assert.match(said, /generation\.baseUrl: expected an address without user name, password/)
  assert.match(said, /generation\.apiKey: there is no such key, perhaps generation\.apiKeyEnv is meant/)
  assert.not.match(said, /hunter2|sk-secret/)
  const other = problemsOf({ generation: { ...generation, apiKey: undefined, baseUrl: 'ftp://me:hunter2@server' } })
  assert.match(other, /generation\.baseUrl: expected an http or https address/)
  assert.not.match(other, /hunter2/)
})

/** The paths of all keys of a JSON schema, each with what it says of the key. */
function keysOf(schema: JsonSchema, above = ''): [string, JsonSchema][] {
  const forms = schema.anyOf ?? schema.oneOf
  if (forms !== undefined) return forms.flatMap((form) => keysOf(form, above))
  return Object.entries(schema.properties ?? {}).flatMap(([key, inner]): [string, JsonSchema][] => [
    [above + key, inner],
    ...keysOf(inner, `${above}${key}.`),
  ])
}

test('the JSON schema describes every key in a sentence', () => {
  for (const schema of [runConfigJsonSchema(), trainingConfigJsonSchema()]) {
    const keys = keysOf(schema)
    assert.ok(keys.length > 25, `only ${keys.length} keys`)
    for (const [path, { description }] of keys) {
      assert.match(String(description), /^[A-Z\x60].{8,}\.$/, `${path}: ${String(description)}`)
    }
  }
})

test('the JSON schema has defaults and units, and no default that depends on this machine', () => {
  const keys = new Map(keysOf(runConfigJsonSchema()))
  const { default: sequence, unit } = keys.get('packing.sequenceLength') ?? {}
  assert.equal([sequence, unit], [runConfigSchema.parse({}).packing.sequenceLength, 'tokens'])
  for (const name of ['workers.grounding', 'workers.scoring']) {
    const key = keys.get(name) ?? {}
    assert.not('default' in key, name)
    assert.match(String(key['defaultText']), /^the number of CPUs, \d at most$/)
  }
  assert.is(keys.get('workers.synthesis')?.default, 8)
  assert.ok(keys.has('$schema'))
})

test('a unit in the name of a key stands in the schema too', () => {
  const endings: [RegExp, string][] = [
    [/Bytes$/, 'bytes'],
    [/Ms$/, 'ms'],
    [/MiB$/, 'MiB'],
    [/Tokens$/, 'tokens'],
    [/Chars$/, 'characters'],
  ]
  for (const [path, { unit, type }] of [...keysOf(runConfigJsonSchema()), ...keysOf(trainingConfigJsonSchema())]) {
    const expected = endings.find(([ending]) => ending.test(path))?.[1]
    if (expected !== undefined && type !== 'object') assert.is(unit, expected, path)
  }
})

test('kernels that no device has, and masks that train nothing, are refused before any work', () => {
  const origins = ['requirement', 'plan', 'thought', 'action', 'observation', 'draft', 'template', 'actionBorder']
  const masks = Object.fromEntries(origins.map((origin) => [origin, false]))
  const isValid = (config: object): boolean => runConfigSchema.safeParse(config).success
  assert.not(isValid({ scorer: { kernels: 'fast' } }))
  assert.not(isValid({ scorer: { kernels: 'cublaslt,fast' } }))
  for (const kernels of ['auto', 'avx512', 'baseline', 'portable', 'cublaslt,cudnn', 'hopper-gemm,hopper-attention'])
    assert.ok(isValid({ scorer: { kernels } }), kernels)
  assert.not(isValid({ packing: { masks } }))
  assert.ok(isValid({ packing: { masks: { ...masks, thought: true } } }))
})

test.run()
