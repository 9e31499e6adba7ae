import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { openaiRow } from '../../src/interchange/index.js'
import { toolDefinitions } from '../../src/tools/index.js'
import { readSpan } from '../packing/random-trajectories.js'
import { debugged } from './debugged-trajectory.js'

const test = suite('openai row')

const call = (id: string, name: string, given: object): object[] => [
  { id, type: 'function', function: { name, arguments: JSON.stringify(given) } },
]
const answer = (tool_call_id: string, content = ''): object => ({ role: 'tool', tool_call_id, content })

test('a trajectory as OpenAI messages', () => {
  const { id, messages, tools, metadata } = openaiRow(debugged, readSpan)
  assert.equal(messages, [
    { role: 'system', content: 'You write one file.', retrace: { packed: false } },
    { role: 'user', content: 'Write the library.' },
    {
      role: 'assistant',
      content: 'What others need first.\n\n- src/a.ts: the value\n- src/b.ts: its use',
      retrace: { plan: 25 },
    },
    {
      role: 'assistant',
      content: 'A value.',
      tool_calls: call('call_0', 'Write', { path: 'src/a.ts', content: 'export const a = 1\n' }),
    },
    answer('call_0'),
    {
      role: 'assistant',
      content: 'What does a look like?',
      tool_calls: call('call_1', 'Read', { path: 'src/a.ts', start_line: 1, end_line: 1 }),
    },
    answer('call_1', 'export const a = 1\n'),
    {
      role: 'assistant',
      content: 'First as I remember it.',
      tool_calls: call('call_2', 'Write', { path: 'src/b.ts', content: 'import { a } from "./c.js"\n' }),
      weight: 0,
      retrace: { draft: true },
    },
    answer('call_2'),
    { role: 'assistant', content: '', tool_calls: call('call_3', 'Check', { path: 'src/b.ts' }) },
    answer('call_3', 'src/b.ts:1: ./c.js leads nowhere\n'),
    {
      role: 'assistant',
      content: 'It is a, not c.',
      tool_calls: call('call_4', 'Edit', {
        path: 'src/b.ts',
        start_line: 1,
        replaced_lines: 1,
        content: 'import { a } from "./a.js"\n',
      }),
    },
    answer('call_4'),
    { role: 'assistant', content: '', tool_calls: call('call_5', 'Check', { path: 'src/b.ts' }) },
    answer('call_5', 'no problems found\n'),
  ])
  assert.is(id, 'debugged')
  assert.equal(tools, toolDefinitions)
  assert.equal([metadata['source'], metadata['domain']], ['retrace', 'typescript'])
  assert.equal(metadata['generator'], debugged.generator)
})

test('the arguments of a call are those that its definition asks for', () => {
  const required = new Map(toolDefinitions.map(({ function: one }) => [one.name, one.parameters['required']]))
  const { messages } = openaiRow(debugged, readSpan)
  const calls = messages.flatMap(({ tool_calls }) => tool_calls ?? [])
  assert.is(new Set(calls.map((one) => one.function.name)).size, 4)
  for (const { function: one } of calls) {
    assert.equal(Object.keys(JSON.parse(one.arguments) as object), required.get(one.name))
  }
})

test.run()
