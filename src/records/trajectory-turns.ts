import type { Part, Turn } from './conversation.js'
import type { SpanReader } from './segment.js'
import { callParts, quotedWhereNeeded, showsSomething, toolCallOf } from './tool-call.js'
import type { Step, Trajectory } from './trajectory.js'

// What is rendered of a trajectory, by value. Packing a trajectory and packing what was exported of it and imported
// again both go through turns, so they end in the same tokens.

/** Requirements and plan. */
export function headerTurns({ requirements, plan }: Pick<Trajectory, 'requirements' | 'plan'>): Turn[] {
  return [
    { role: 'user', trained: true, parts: part('requirement', requirements) },
    { role: 'assistant', trained: true, parts: planParts(plan) },
  ]
}

/** The plan in prose, and a line for each file; no line end after the last. */
export function planParts({ approach, files }: Pick<Trajectory['plan'], 'approach' | 'files'>): Part[] {
  const list = files.map(({ path, purpose }) => `- ${quotedWhereNeeded(path)}: ${purpose}`).join('\n')
  return [...part('plan', list === '' ? approach : `${approach}\n\n`), ...part('plan', list)]
}

/** What the agent thinks and does; and what it sees, where its action shows something. */
export function stepTurns(step: Step, read: SpanReader): [Turn, ...Turn[]] {
  const { thought, action, observation } = step
  const call = toolCallOf(step, read)
  const isDraft = 'draft' in action && action.draft === true
  const parts = [...part('thought', thought?.text ?? ''), ...callParts(call, isDraft)]
  const acting: Turn = { role: 'assistant', trained: true, parts }
  if (!showsSomething(call)) return [acting]
  const seen = observation === null ? '' : read(observation)
  return [acting, { role: 'tool', trained: true, parts: part('observation', seen) }]
}

/** One part, or none where there is nothing to say. */
function part(origin: Part['origin'], text: string): Part[] {
  return text === '' ? [] : [{ origin, text }]
}
