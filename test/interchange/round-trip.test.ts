import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import fc from 'fast-check'
import type { SpanReader } from '../../src/core/index.js'
import {
  atifTrajectory,
  conversationsOfRow,
  openaiRow,
  openParquetRows,
  readRows,
  type Outcome,
} from '../../src/interchange/index.js'
import { tokenizeConversation, tokenizeTrajectory } from '../../src/packing/document.js'
import type { Call, Conversation, Part, Step, Trajectory, Turn } from '../../src/records/index.js'
import { callParts, createRenderer, masksSchema, planParts, rendererNames } from '../../src/rendering/index.js'
import { toolCallOf } from '../../src/tools/index.js'
import { byteTokenizer } from '../packing/byte-tokenizer.js'
import { anyTrajectory, blobs, readSpan, spanOf, trajectoryOf } from '../packing/random-trajectories.js'
import { debugged } from './debugged-trajectory.js'

const test = suite('round trip')

const scratch = mkdtempSync(join(tmpdir(), 'retrace-interchange-'))
test.after(() => rmSync(scratch, { recursive: true }))

/** What a file says after it was written to disk and read again. */
function viaJson(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value))
}

async function viaParquet(trajectories: readonly Trajectory[], read: SpanReader): Promise<unknown[]> {
  const chunks: Uint8Array[] = []
  const writer = await openParquetRows((bytes) => {
    chunks.push(bytes.slice())
    return Promise.resolve()
  })
  for (const one of trajectories) await writer.write(openaiRow(one, read))
  await writer.finish()
  const path = join(scratch, 'rows.parquet')
  writeFileSync(path, Buffer.concat(chunks))
  const rows: unknown[] = []
  for await (const row of readRows(path)) rows.push('value' in row ? row.value : row)
  return rows
}

function onlyConversation(outcomes: readonly Outcome[]): Conversation {
  const [outcome] = outcomes
  assert.is(outcomes.length, 1)
  if (outcome === undefined || !('conversation' in outcome)) throw new Error(JSON.stringify(outcome))
  return outcome.conversation
}

const source = { read: readSpan, blobs, retraceVersion: '0.0.0' }
const formats: Record<string, (trajectory: Trajectory) => unknown> = {
  'OpenAI messages': (trajectory) => viaJson(openaiRow(trajectory, readSpan)),
  ATIF: (trajectory) => viaJson(atifTrajectory(trajectory, source)),
}

function turnsOf({ requirements, plan, episodes }: Trajectory, read: SpanReader): Turn[] {
  const part = (origin: Part['origin'], text: string): Part[] => (text === '' ? [] : [{ origin, text }])
  const stepTurns = (step: Step): Turn[] => {
    const { thought, action, observation } = step
    const call = callParts(toolCallOf(step, read), 'draft' in action && action.draft === true)
    const acting: Turn = { role: 'assistant', trained: true, parts: [...part('thought', thought?.text ?? ''), ...call] }
    if (!['Read', 'Check'].includes(action.tool)) return [acting]
    const seen = observation === null ? '' : read(observation)
    return [acting, { role: 'tool', trained: true, parts: part('observation', seen) }]
  }
  return [
    { role: 'user', trained: true, parts: part('requirement', requirements) },
    { role: 'assistant', trained: true, parts: planParts(plan) },
    ...episodes.flatMap(({ steps }) => steps).flatMap(stepTurns),
  ]
}

/** Both documents have the same ids and labels, header by header and step by step. */
function assertPacksLike(trajectory: Trajectory, conversation: Conversation, read: SpanReader): number {
  let tokens = 0
  for (const name of rendererNames) {
    for (const masks of [{}, { observation: true, draft: true, thought: false }]) {
      const renderer = createRenderer(name, masksSchema.parse(masks))
      const expected = tokenizeTrajectory(trajectory, renderer, read, byteTokenizer)
      assert.equal(tokenizeConversation(conversation, renderer, byteTokenizer), expected)
      tokens += expected.header.ids.length + expected.steps.reduce((sum, step) => sum + step.ids.length, 0)
    }
  }
  return tokens
}

for (const [format, write] of Object.entries(formats)) {
  test(`what was exported as ${format} and imported again packs to the tokens and labels of the trajectory`, () => {
    const seen = { tokens: 0, drafts: 0, checks: 0, quoted: 0 }
    fc.assert(
      fc.property(anyTrajectory, (trajectory) => {
        const conversation = onlyConversation(conversationsOfRow(write(trajectory), 'nowhere'))
        assert.equal(conversation.turns, turnsOf(trajectory, readSpan))
        seen.tokens += assertPacksLike(trajectory, conversation, readSpan)
        const steps = trajectory.episodes.flatMap((episode) => episode.steps)
        seen.drafts += steps.filter(({ action }) => 'draft' in action).length
        seen.checks += steps.filter(({ action }) => action.tool === 'Check').length
        seen.quoted += steps.filter(({ action }) => action.path.includes('\n')).length
      }),
    )
    assert.ok(seen.tokens > 10_000 && Math.min(seen.drafts, seen.checks, seen.quoted) > 10, JSON.stringify(seen))
  })

  test(`what models wrote, with a wrong first version, comes back from ${format} with its id and domain`, () => {
    const { id, domain } = debugged
    const expected = { schemaVersion: 1, id, domain, turns: turnsOf(debugged, readSpan) }
    assert.equal(onlyConversation(conversationsOfRow(write(debugged), 'nowhere')), expected)
  })
}

test('a wrong first version is out of training for those who know no key of ours', () => {
  const { messages } = openaiRow(debugged, readSpan)
  const drafts = messages.filter(({ weight }) => weight === 0)
  assert.equal(
    drafts.map((message) => message.tool_calls?.[0]?.function.arguments),
    [JSON.stringify({ path: 'src/b.ts', content: 'import { a } from "./c.js"\n' })],
  )
  const foreign = messages.map(({ retrace: _retrace, ...message }) => message)
  const { turns } = onlyConversation(conversationsOfRow({ messages: foreign }, 'nowhere'))
  const untrained = turns.filter(({ trained }) => !trained)
  assert.equal(
    untrained.map(({ parts }) => parts.map(({ text }) => text)),
    [['First as I remember it.', 'Write src/b.ts\n', 'import { a } from "./c.js"\n']],
  )
})

test('the call that chose what to read stands with the first step of its file, before that of the thought', () => {
  type Step = { source: string; message: string; llm_call_count?: number; extra?: { retrace: { calls?: Call[] } } }
  const { subagent_trajectories } = viaJson(atifTrajectory(debugged, source)) as {
    subagent_trajectories: { steps: Step[]; final_metrics: { total_prompt_tokens: number } }[]
  }
  const asked = subagent_trajectories.map(({ steps }) =>
    steps.map(({ extra }) => (extra?.retrace.calls ?? []).map(({ text }) => text)),
  )
  const [, ofReader = []] = asked
  const first = ofReader.findIndex((calls) => calls.length > 0)
  assert.equal(ofReader[first], ['what to read', 'What does a look like?'])
  assert.is(subagent_trajectories[1]?.steps[first]?.llm_call_count, 2)
  // The code of an attempt comes from a call of its own.
  assert.equal(ofReader[first + 1], ['my own attempt', 'First as I remember it.'])
  assert.is(subagent_trajectories[1]?.final_metrics.total_prompt_tokens, 11 * ofReader.flat().length)
})

test('through Parquet a row says what it says as JSON', async () => {
  const trajectories = [debugged, ...fc.sample(anyTrajectory, { numRuns: 40, seed: 7 })]
  const rows = await viaParquet(trajectories, readSpan)
  assert.is(rows.length, trajectories.length)
  for (const [index, trajectory] of trajectories.entries()) {
    const conversation = onlyConversation(conversationsOfRow(rows[index], 'nowhere'))
    assert.equal(conversation.turns, turnsOf(trajectory, readSpan))
    assertPacksLike(trajectory, conversation, readSpan)
  }
})

test('a byte order mark at the beginning of what was read stays', async () => {
  const seen = spanOf('\ufeffusing System;\n')
  const action = { tool: 'Read' as const, path: 'a.cs', start: 0, end: seen.end, startLine: 1 }
  const steps = [{ thought: null, action, observation: seen }]
  const [row] = await viaParquet([trajectoryOf('marked', { episodes: [{ path: 'a.cs', steps }] })], readSpan)
  const { turns } = onlyConversation(conversationsOfRow(row, 'nowhere'))
  assert.is(turns.at(-1)?.parts[0]?.text, '\ufeffusing System;\n')
})

test('a text that UTF-8 cannot hold comes to the same tokens as packing it does', async () => {
  const thought = { text: 'a lone \ud800 half, then a pair 👩', facts: [] }
  const step = { thought, action: { tool: 'Write' as const, path: 'a.ts', content: spanOf('x\n') }, observation: null }
  const plan = {
    ...trajectoryOf('x').plan,
    approach: 'half \udc00 👩‍👧 first',
    files: [{ path: 'a.ts', purpose: 'all' }],
  }
  const trajectory = trajectoryOf('odd', { plan, episodes: [{ path: 'a.ts', steps: [step] }] })
  const [row] = await viaParquet([trajectory], readSpan)
  for (const value of [row, ...Object.values(formats).map((write) => write(trajectory))]) {
    assertPacksLike(trajectory, onlyConversation(conversationsOfRow(value, 'nowhere')), readSpan)
  }
})

test.run()
