import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { actionSchema, noActions, parseToolCall, toolDefinitions, toolOf } from '../../src/tools/index.js'

const test = suite('tools')

const names = toolDefinitions.map((definition) => definition.function.name)

/** Arguments as a definition asks for them. */
function argumentsFor(definition: (typeof toolDefinitions)[number]): Record<string, string | number> {
  const { properties } = definition.function.parameters as { properties: Record<string, { type: string }> }
  const entries = Object.entries(properties).map(([name, { type }]) => [name, type === 'integer' ? 1 : 'x'] as const)
  return Object.fromEntries(entries)
}

test('a tool has one name: in its definition, in its action and in its line', () => {
  const recorded = actionSchema.options.map(({ shape }) => shape.tool.value)
  assert.equal(names, recorded)
  for (const [index, definition] of toolDefinitions.entries()) {
    const tool = toolOf(recorded[index] ?? 'Read')
    assert.is(tool.definition, definition)
    assert.ok(tool.line({ path: 'x', ...argumentsFor(definition) }).startsWith(`${definition.function.name} x`))
  }
})

test('the arguments of a call are those that the definition names, each required', () => {
  for (const definition of toolDefinitions) {
    const { name } = definition.function
    const { properties, required } = definition.function.parameters as { properties: object; required: string[] }
    assert.equal(required, Object.keys(properties))
    const given = argumentsFor(definition)
    assert.equal(parseToolCall(name, given), { name, arguments: given })
    assert.is(parseToolCall(name, { ...given, more: 1 }), null)
    for (const key of required) assert.is(parseToolCall(name, { ...given, [key]: undefined }), null)
  }
  assert.is(parseToolCall('toString', { path: 'x' }), null)
})

test('a replay counts each tool by itself', () => {
  assert.is(Object.keys(noActions()).length, names.length)
  assert.ok(Object.values(noActions()).every((count) => count === 0))
})

test.run()
