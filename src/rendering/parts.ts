import type { Part, Trajectory, Turn } from '../records/index.js'
import { quotedWhereNeeded, toolOf, type ToolCall } from '../tools/index.js'

// What a document says, as texts with their origins. Rendering a trajectory and importing what was exported of it both
// make these parts, so both end in the same tokens.

/** One part, or none where the text is empty. */
export function textParts(origin: Part['origin'], text: string): Part[] {
  return text === '' ? [] : [{ origin, text }]
}

/** The plan in prose, and a line for each file; no line end after the last. */
export function planParts({ approach, files }: Pick<Trajectory['plan'], 'approach' | 'files'>): Part[] {
  const list = files.map(({ path, purpose }) => `- ${quotedWhereNeeded(path)}: ${purpose}`).join('\n')
  return [...textParts('plan', list === '' ? approach : `${approach}\n\n`), ...textParts('plan', list)]
}

/** The line of a call, and what it writes into the file. A draft is no code to learn from. */
export function callParts({ name, arguments: given }: ToolCall, isDraft: boolean): Part[] {
  return [
    { origin: 'action', text: toolOf(name).line(given) },
    ...textParts(isDraft ? 'draft' : 'action', given.content ?? ''),
  ]
}

/** Whether an agent thinks or acts in a turn. A plan comes before the first action and belongs to the header. */
export function isActing({ role, parts }: Turn): boolean {
  return role === 'assistant' && parts.some(({ origin }) => origin !== 'plan')
}
