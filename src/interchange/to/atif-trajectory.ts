import type { BlobStore, SpanReader } from '../../core/index.js'
import { callSchema, type Call, type Episode, type Step, type Trajectory } from '../../records/index.js'
import { toolCallOf, toolOf, type ToolDefinition } from '../../tools/index.js'
import type { Note } from '../note.js'
import { isDraft, metadataOf, observationText, planText } from './openai-row.js'
import { systemPrompts } from './system-prompts.js'

/** The version that is written; readers take every 1.x. */
const atifTag = 'ATIF-v1.7'

/** What an export needs besides the trajectory. */
export interface ExportSource {
  read: SpanReader
  /** Holds the raw calls. */
  blobs: BlobStore
  retraceVersion: string
}

type Json = Record<string, unknown>
/** A step before it has its number. */
type UnnumberedStep = { source: 'system' | 'user' | 'agent'; message: string } & Json
interface Metrics {
  prompt_tokens: number
  completion_tokens: number
}

const delegateTool: ToolDefinition = {
  type: 'function',
  function: {
    name: 'delegate',
    description: 'Hands a file of the plan to an agent of its own, which writes it.',
    parameters: {
      type: 'object',
      properties: { path: { type: 'string' }, purpose: { type: 'string' } },
      required: ['path', 'purpose'],
      additionalProperties: false,
    },
  },
}

/** The main agent's trajectory, with that of each file's agent embedded. */
export function atifTrajectory(trajectory: Trajectory, source: ExportSource): Json {
  const { id, requirements, plan, generator, episodes } = trajectory
  const { main } = systemPrompts(generator)
  const planned = planText(plan)
  const steps: UnnumberedStep[] = [
    ...promptSteps(main),
    { source: 'user', message: requirements },
    { source: 'agent', message: planned.text, ...writing(plan.calls, planned.note, trajectory, source) },
    ...episodes.map((episode, index) => delegation(trajectory, episode, index)),
  ]
  const subagents = episodes.map((episode, index) => fileTrajectory(trajectory, episode, index, source))
  return {
    ...document(id, steps, trajectory, [delegateTool], source),
    notes: 'The steps of the embedded trajectories, in order, stand in the place of the delegations.',
    extra: { retrace: metadataOf(trajectory) },
    ...(subagents.length > 0 ? { subagent_trajectories: subagents } : {}),
  }
}

function fileTrajectory(trajectory: Trajectory, episode: Episode, index: number, source: ExportSource): Json {
  const { path, readsCall, steps, debugging } = episode
  const { file } = systemPrompts(trajectory.generator)
  const all: UnnumberedStep[] = [
    ...promptSteps(file),
    { source: 'user', message: `${path}: ${purposeOf(trajectory, path)}`, extra: { retrace: { packed: false } } },
    ...steps.map((step, number) => {
      // The choice of what to read comes before the first step, and is no step by itself.
      const choice = number === 0 && readsCall !== undefined ? [readsCall] : []
      // A call wrote the attempt; another call wrote the thought before it.
      const attempt = isDraft(step) && debugging?.call !== undefined ? [debugging.call] : []
      return agentStep(step, [...choice, ...attempt], `call_${number}`, trajectory, source)
    }),
  ]
  const note = debugging === undefined ? { path } : { path, debugging }
  return {
    ...document(subagentId(trajectory, index), all, trajectory, trajectory.tools, source),
    extra: { retrace: note },
  }
}

/** What every document has, embedded documents too: each can be read by itself. */
function document(
  id: string,
  steps: readonly UnnumberedStep[],
  { id: session, generator }: Trajectory,
  tools: readonly ToolDefinition[],
  { retraceVersion }: ExportSource,
): Json {
  const { kind, version, model, parameters, prompts } = generator
  return {
    schema_version: atifTag,
    session_id: session,
    trajectory_id: id,
    agent: {
      name: 'retrace',
      version: retraceVersion,
      ...(model === '' ? {} : { model_name: model }),
      tool_definitions: tools,
      extra: { generator: { kind, version, parameters, prompts } },
    },
    steps: steps.map((step, index) => ({ step_id: index + 1, ...step })),
    final_metrics: finalMetrics(steps),
  }
}

function promptSteps(prompt: string | null): UnnumberedStep[] {
  return prompt === null ? [] : [{ source: 'system', message: prompt, extra: { retrace: { packed: false } } }]
}

function delegation(trajectory: Trajectory, { path }: Episode, index: number): UnnumberedStep {
  const call = `call_${index}`
  const reference = { trajectory_id: subagentId(trajectory, index) }
  return {
    source: 'agent',
    message: '',
    tool_calls: [
      { tool_call_id: call, function_name: 'delegate', arguments: { path, purpose: purposeOf(trajectory, path) } },
    ],
    observation: { results: [{ source_call_id: call, subagent_trajectory_ref: [reference] }] },
    llm_call_count: 0,
    extra: { retrace: { delegated: true } },
  }
}

function agentStep(
  step: Step,
  callsBefore: readonly string[],
  callId: string,
  trajectory: Trajectory,
  source: ExportSource,
): UnnumberedStep {
  const { thought, action, observation } = step
  const call = toolCallOf(step, source.read)
  const calls = thought?.call === undefined ? callsBefore : [...callsBefore, thought.call]
  // The format forbids reasoning where no model was called; then the narrator's thought is the message.
  const text = thought?.text ?? ''
  const message = thought?.call !== undefined ? { message: '', reasoning_content: text } : { message: text }
  const note = {
    ...(isDraft(step) ? { draft: true } : {}),
    ...('content' in action ? { content: action.content } : {}),
    ...(observation === null ? {} : { observation }),
    ...(thought !== null && thought.facts.length > 0 ? { facts: thought.facts } : {}),
  }
  const result = { source_call_id: callId, content: observationText(step, source.read) }
  return {
    source: 'agent',
    ...message,
    tool_calls: [{ tool_call_id: callId, function_name: call.name, arguments: call.arguments }],
    ...(toolOf(action.tool).shows ? { observation: { results: [result] } } : {}),
    ...writing(calls, note, trajectory, source),
  }
}

/** What wrote the texts of a step: how many calls of a model, their tokens, and the whole calls. */
function writing(digests: readonly string[], note: Note & Json, { generator }: Trajectory, source: ExportSource): Json {
  const calls = digests.map((digest) => readCall(digest, source))
  const extra = { retrace: calls.length === 0 ? note : { ...note, calls } }
  if (calls.length === 0) return { llm_call_count: 0, extra }
  const sum = (count: (call: Call) => number): number => calls.reduce((total, call) => total + count(call), 0)
  const metrics: Metrics = {
    prompt_tokens: sum(({ usage }) => usage.promptTokens),
    completion_tokens: sum(({ usage }) => usage.completionTokens),
  }
  return { model_name: generator.model, llm_call_count: calls.length, metrics, extra }
}

function readCall(digest: string, { blobs }: ExportSource): Call {
  return callSchema.parse(JSON.parse(Buffer.from(blobs.get(digest)).toString('utf8')))
}

function finalMetrics(steps: readonly UnnumberedStep[]): Json {
  const metrics = steps.flatMap((step) => ('metrics' in step ? [step['metrics'] as Metrics] : []))
  return {
    total_prompt_tokens: metrics.reduce((sum, { prompt_tokens }) => sum + prompt_tokens, 0),
    total_completion_tokens: metrics.reduce((sum, { completion_tokens }) => sum + completion_tokens, 0),
    total_steps: steps.length,
  }
}

function subagentId({ id }: Trajectory, index: number): string {
  return `${id}/${index}`
}

function purposeOf({ plan }: Trajectory, path: string): string {
  return plan.files.find((file) => file.path === path)?.purpose ?? ''
}
