import type { Call, Step, Trajectory } from '../../src/records/index.js'
import { blobs, spanOf, trajectoryOf } from '../packing/random-trajectories.js'

/** A call of a language model, kept as a run keeps it. */
function keepCall(text: string): string {
  const call: Call = {
    schemaVersion: 1,
    key: '0'.repeat(64),
    request: { model: 'writer', messages: [{ role: 'user', content: `for ${text}` }], temperature: 0.7, seed: 1 },
    response: { choices: [{ message: { role: 'assistant', content: text } }] },
    text,
    finishReason: 'stop',
    usage: { promptTokens: 11, completionTokens: text.length },
  }
  return blobs.put(Buffer.from(JSON.stringify(call)))
}

const thought = (text: string): Step['thought'] => ({ text, facts: [], call: keepCall(text) })

const steps: Step[] = [
  {
    thought: thought('First as I remember it.'),
    action: { tool: 'Write', path: 'src/b.ts', content: spanOf('import { a } from "./c.js"\n'), draft: true },
    observation: null,
  },
  {
    thought: null,
    action: { tool: 'Check', path: 'src/b.ts' },
    observation: spanOf('src/b.ts:1: ./c.js leads nowhere\n'),
  },
  {
    thought: thought('It is a, not c.'),
    action: {
      tool: 'Edit',
      path: 'src/b.ts',
      start: 0,
      end: 27,
      startLine: 1,
      replacedLines: 1,
      content: spanOf('import { a } from "./a.js"\n'),
    },
    observation: null,
  },
  { thought: null, action: { tool: 'Check', path: 'src/b.ts' }, observation: spanOf('no problems found\n') },
]

const base = trajectoryOf('debugged', {
  domain: 'typescript',
  plan: {
    ...trajectoryOf('any').plan,
    approach: 'What others need first.',
    files: [
      { path: 'src/a.ts', purpose: 'the value' },
      { path: 'src/b.ts', purpose: 'its use' },
    ],
    calls: [keepCall('the requirements'), keepCall('the plan')],
  },
  episodes: [
    {
      path: 'src/a.ts',
      steps: [
        {
          thought: thought('A value.'),
          action: { tool: 'Write', path: 'src/a.ts', content: spanOf('export const a = 1\n') },
          observation: null,
        },
      ],
    },
    {
      path: 'src/b.ts',
      readsCall: keepCall('what to read'),
      steps: [
        {
          thought: thought('What does a look like?'),
          action: { tool: 'Read', path: 'src/a.ts', start: 0, end: 19, startLine: 1 },
          observation: spanOf('export const a = 1\n'),
        },
        ...steps,
      ],
      debugging: { kind: 'attempt', fault: '', detail: '', call: keepCall('my own attempt') },
    },
  ],
})

/** Written by a language model, with a file that is wrong at first. */
export const debugged: Trajectory = {
  ...base,
  generator: {
    kind: 'openai',
    version: '1',
    model: 'writer',
    parameters: { temperature: 0.7 },
    prompts: [
      { role: 'main', version: 1, system: 'You plan.' },
      { role: 'file-agent', version: 1, system: 'You write one file.' },
    ],
  },
}
