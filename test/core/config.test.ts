import { existsSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { readJsonFile } from '../../src/core/config.js'
import { parseConfig, readConfigFile, type RetraceError } from '../../src/core/index.js'

const test = suite('config')
const folder = mkdtempSync(join(tmpdir(), 'retrace-config-'))

test('a wrong config is refused with the path of each key', () => {
  const schema = z.strictObject({ outer: z.strictObject({ count: z.int() }) })
  const messageOf = (value: unknown): string => {
    try {
      parseConfig(schema, value, 'run.json')
    } catch (error) {
      assert.is((error as RetraceError).code, 'CONFIG_INVALID')
      return (error as Error).message
    }
    return ''
  }
  assert.match(messageOf({ outer: { count: 'x' } }), /^run\.json .*outer\.count: /)
  assert.match(messageOf({ outer: { count: 1 }, outre: 1 }), /outre/)
  assert.equal(parseConfig(schema, { outer: { count: 1 } }, 'run.json'), { outer: { count: 1 } })
})

/** What is said of a value that has to be wrong, without what stands around it. */
function problemsWith(schema: z.ZodType, value: unknown, renamed: Record<string, string> = {}): string {
  try {
    parseConfig(schema, value, 'run.json', renamed)
  } catch (error) {
    const { message } = error as Error
    assert.match(message, /^run\.json is not a valid config: [^\n]*\. Correct these keys\.$/)
    return message.slice('run.json is not a valid config: '.length, -'. Correct these keys.'.length)
  }
  throw new Error('it was not refused')
}

test('a problem has the path, what was expected and what stands there', () => {
  const schema = z.strictObject({
    count: z.int().positive().default(1),
    share: z.number().max(1).optional(),
    name: z
      .string()
      .min(2)
      .regex(/^[a-z]+$/)
      .optional(),
    form: z.enum(['csv', 'arrow']).optional(),
    list: z
      .array(z.enum(['a', 'b']))
      .min(1)
      .optional(),
    nested: z.strictObject({ on: z.boolean() }).prefault({ on: true }),
  })
  const cases: [unknown, string][] = [
    [{ count: 1.5 }, 'count: expected a whole number, got 1.5'],
    [{ count: 0 }, 'count: expected more than 0, got 0'],
    [{ share: 2 }, 'share: expected at most 1, got 2'],
    [{ share: '1' }, 'share: expected a number, got "1"'],
    [{ name: 'a' }, 'name: expected at least 2 characters, got 1'],
    [{ name: 'A b' }, 'name: expected a text that matches /^[a-z]+$/, got "A b"'],
    [{ form: 'pdf' }, 'form: expected one of "csv", "arrow", got "pdf"'],
    [{ list: [] }, 'list: expected at least 1 entry, got 0'],
    [{ list: ['a', 'c'] }, 'list.1: expected one of "a", "b", got "c"'],
    [{ nested: { on: null } }, 'nested.on: expected true or false, got null'],
    [{ nested: {} }, 'nested.on: expected true or false, got nothing'],
    [{ nested: [] }, 'nested: expected an object, got a list'],
    [[], '(top level): expected an object, got a list'],
  ]
  for (const [value, expected] of cases) assert.is(problemsWith(schema, value), expected)
})

test('a value that fits none of several forms is held against the form that it comes closest to', () => {
  const schema = z.strictObject({
    search: z.union([z.literal(false), z.strictObject({ rounds: z.int(), minGain: z.number().optional() })]).optional(),
    until: z.union([z.strictObject({ steps: z.int() }), z.strictObject({ epochs: z.int() })]).optional(),
    kind: z
      .discriminatedUnion('kind', [z.strictObject({ kind: z.literal('a') }), z.strictObject({ kind: z.literal('b') })])
      .optional(),
  })
  const cases: [unknown, string][] = [
    [{ search: true }, 'search: expected false or an object, got true'],
    [{ search: { rounds: 'x' } }, 'search.rounds: expected a number, got "x"'],
    [{ search: { rounds: 1, gain: 1 } }, 'search.gain: there is no such key, known are rounds, minGain'],
    [{ until: { epochs: 0.5 } }, 'until.epochs: expected a whole number, got 0.5'],
    [{ until: { steps: 1, epochs: 1 } }, 'until.epochs: it does not go with the other keys of until'],
    [{ kind: { kind: 'c' } }, 'kind.kind: expected "a" or "b", got "c"'],
  ]
  for (const [value, expected] of cases) assert.is(problemsWith(schema, value), expected)
})

test('an unknown key is told with its new name, the nearest name, or the names that there are', () => {
  const schema = z.strictObject({
    packing: z.strictObject({ sequenceLength: z.int().default(1), seed: z.int().default(0) }).prefault({}),
    model: z.string().default(''),
  })
  const renamed = { 'packing.rowTokens': 'packing.sequenceLength' }
  const cases: [unknown, string][] = [
    [{ packing: { rowTokens: 3 } }, 'packing.rowTokens is now packing.sequenceLength'],
    [
      { packing: { sequenceLenght: 3 } },
      'packing.sequenceLenght: there is no such key, perhaps packing.sequenceLength is meant',
    ],
    [{ modle: 'x' }, 'modle: there is no such key, perhaps model is meant'],
    [{ seed: 3 }, 'seed: there is no such key here, perhaps packing.seed is meant'],
    [{ colour: 3 }, 'colour: there is no such key, known are packing, model'],
    [
      { colour: 3, packing: { seed: 'x' } },
      'packing.seed: expected a number, got "x"; colour: there is no such key, known are packing, model',
    ],
  ]
  for (const [value, expected] of cases) assert.is(problemsWith(schema, value, renamed), expected)
})

test('the address of a JSON schema in a config file is for editors alone', () => {
  const path = join(folder, 'with-schema.json')
  writeFileSync(path, '{"$schema": "./config.schema.json", "a": {"$schema": 1}}')
  assert.equal(readConfigFile(path), { a: { $schema: 1 } })
})

test('a config file that is missing or no JSON says so', () => {
  const path = join(folder, 'bad.json')
  writeFileSync(path, '{"a": }')
  const codeOf = (file: string): string => {
    try {
      readJsonFile(file)
    } catch (error) {
      return (error as RetraceError).code
    }
    return ''
  }
  assert.is(codeOf(path), 'CONFIG_INVALID')
  assert.is(codeOf(join(folder, 'none.json')), 'INPUT_NOT_FOUND')
  assert.not(existsSync(join(folder, 'none.json')))
})

test('what is wrong with the JSON of a config is one line with the next step', () => {
  const path = join(folder, 'lines.json')
  writeFileSync(path, '{"seed": 1,\n "packing": {"sequenceLength": }\n}\n')
  assert.throws(
    () => readJsonFile(path),
    (error: Error) => /is not JSON: \P{Cc}+\. Correct the file\.$/u.test(error.message),
  )
})

test('a config file may begin with a byte order mark', () => {
  const path = join(folder, 'mark.json')
  writeFileSync(path, '\ufeff{"a": 1}')
  assert.equal(readJsonFile(path), { a: 1 })
})

test.run()
