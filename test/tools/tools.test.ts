import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { actionSchema, noActions, parseToolCall, toolDefinitions, toolOf } from '../../src/tools/index.js'

const names = toolDefinitions.map((definition) => definition.function.name)

test('a tool has one name: in its definition, in its action and in its line', () => {
  const recorded = actionSchema.options.map(({ shape }) => shape.tool.value)
  assert.equal(names, recorded)
  assert.equal(names, ['Read', 'Write', 'Edit', 'Check'])
  for (const name of recorded) {
    assert.is(toolOf(name).definition.function.name, name)
    const given = { path: 'a.ts', start_line: 1, end_line: 1, replaced_lines: 0, content: '' }
    assert.ok(toolOf(name).line(given).startsWith(`${name} a.ts`))
  }
})

test('the arguments of a call are those that the definition names, each required', () => {
  const values: Record<string, unknown> = { path: 'a', start_line: 1, end_line: 1, replaced_lines: 0, content: 'x' }
  for (const { function: definition } of toolDefinitions) {
    const { properties, required } = definition.parameters as { properties: object; required: string[] }
    assert.equal(required, Object.keys(properties))
    const given = Object.fromEntries(required.map((name) => [name, values[name]]))
    assert.equal(parseToolCall(definition.name, given), { name: definition.name, arguments: given })
    assert.is(parseToolCall(definition.name, { ...given, more: 1 }), null)
    for (const name of required) assert.is(parseToolCall(definition.name, { ...given, [name]: undefined }), null)
  }
  assert.is(parseToolCall('toString', { path: 'a' }), null)
})

test('a replay counts each tool by itself', () => {
  assert.equal(noActions(), { reads: 0, writes: 0, edits: 0, checks: 0 })
  assert.is(Object.keys(noActions()).length, names.length)
})

test.run()
