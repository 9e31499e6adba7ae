import type { SpanReader } from '../../core/index.js'
import type { Step, Trajectory } from '../../records/index.js'
import { planParts } from '../../rendering/index.js'
import { toolCallOf, type ToolDefinition } from '../../tools/index.js'
import type { Note } from '../note.js'
import { systemPrompts } from './system-prompts.js'

export interface OpenAIMessage {
  role: 'system' | 'user' | 'assistant' | 'tool'
  content: string
  tool_calls?: { id: string; type: 'function'; function: { name: string; arguments: string } }[]
  tool_call_id?: string
  weight?: 0
  retrace?: Note
}

/** A trajectory as a line of OpenAI messages with tools. */
export interface OpenAIRow {
  id: string
  messages: OpenAIMessage[]
  tools: readonly ToolDefinition[]
  metadata: Record<string, unknown>
}

/** The file agents in one conversation: requirements, plan, and a message with one call for each step. */
export function openaiRow(trajectory: Trajectory, read: SpanReader): OpenAIRow {
  const { id, tools, generator, requirements, plan, episodes } = trajectory
  const { main, file } = systemPrompts(generator)
  const prompt = file ?? main
  const messages: OpenAIMessage[] =
    prompt === null ? [] : [{ role: 'system', content: prompt, retrace: { packed: false } }]
  messages.push({ role: 'user', content: requirements }, planMessage(plan))
  for (const [index, step] of episodes.flatMap(({ steps }) => steps).entries()) {
    messages.push(...stepMessages(step, `call_${index}`, read))
  }
  return { id, messages, tools, metadata: metadataOf(trajectory) }
}

function planMessage(plan: Trajectory['plan']): OpenAIMessage {
  const { text, note } = planText(plan)
  return { role: 'assistant', content: text, retrace: note }
}

/** The plan as one text, with a note of where its list begins. */
export function planText(plan: Trajectory['plan']): { text: string; note: Note } {
  const parts = planParts(plan)
  const isListed = plan.files.length > 0
  const prose = isListed ? parts.slice(0, -1) : parts
  const length = prose.reduce((sum, { text }) => sum + [...text].length, 0)
  return { text: parts.map(({ text }) => text).join(''), note: { plan: length } }
}

/**
 * The protocol wants an answer to every call. The answer to a Write or an Edit is empty, since they show nothing; a
 * text such as "done" would be invented.
 */
function stepMessages(step: Step, callId: string, read: SpanReader): [OpenAIMessage, OpenAIMessage] {
  const { name, arguments: given } = toolCallOf(step, read)
  const asking: OpenAIMessage = {
    role: 'assistant',
    content: step.thought?.text ?? '',
    tool_calls: [{ id: callId, type: 'function', function: { name, arguments: JSON.stringify(given) } }],
  }
  if (isDraft(step)) Object.assign(asking, { weight: 0, retrace: { draft: true } })
  return [asking, { role: 'tool', tool_call_id: callId, content: observationText(step, read) }]
}

export function isDraft({ action }: Step): boolean {
  return 'draft' in action && action.draft === true
}

export function observationText({ observation }: Step, read: SpanReader): string {
  return observation === null ? '' : read(observation)
}

/** Which repository a trajectory was made from, and what wrote its texts. */
export function metadataOf({
  schemaVersion,
  name,
  domain,
  snapshot,
  generator,
  plan,
}: Trajectory): Record<string, unknown> {
  return { source: 'retrace', schemaVersion, name, domain, snapshot, generator, repairs: plan.repairs }
}
