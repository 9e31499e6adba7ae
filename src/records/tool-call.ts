import { z } from 'zod'
import type { Part } from './conversation.js'
import type { SpanReader } from './segment.js'
import type { Step } from './trajectory.js'

const line = z.int().positive()

/** An action by value: the calls of the tools that `tool-definitions.ts` defines. Lines are 1-based, both ends count. */
export const toolCallSchema = z.discriminatedUnion('name', [
  z.strictObject({
    name: z.literal('Read'),
    /** A Read that shows nothing ends in the line before its first. */
    arguments: z.strictObject({ path: z.string(), start_line: line, end_line: z.int().nonnegative() }),
  }),
  z.strictObject({
    name: z.literal('Write'),
    arguments: z.strictObject({ path: z.string(), content: z.string() }),
  }),
  z.strictObject({
    name: z.literal('Edit'),
    arguments: z.strictObject({
      path: z.string(),
      start_line: line,
      replaced_lines: z.int().nonnegative(),
      content: z.string(),
    }),
  }),
  z.strictObject({ name: z.literal('Check'), arguments: z.strictObject({ path: z.string() }) }),
])
export type ToolCall = z.infer<typeof toolCallSchema>

export function toolCallOf({ action, observation }: Step, read: SpanReader): ToolCall {
  const { path } = action
  switch (action.tool) {
    case 'Read': {
      const lines = countLines(observation === null ? '' : read(observation))
      const { startLine } = action
      return { name: 'Read', arguments: { path, start_line: startLine, end_line: startLine + lines - 1 } }
    }
    case 'Write':
      return { name: 'Write', arguments: { path, content: read(action.content) } }
    case 'Edit': {
      const { startLine, replacedLines, content } = action
      const lines = { start_line: startLine, replaced_lines: replacedLines }
      return { name: 'Edit', arguments: { path, ...lines, content: read(content) } }
    }
    case 'Check':
      return { name: 'Check', arguments: { path } }
  }
}

/** Whether something is seen after the call. */
export function showsSomething({ name }: ToolCall): boolean {
  return name === 'Read' || name === 'Check'
}

/** The words of a call: its line, and what a Write or an Edit puts into the file. A draft is no code to learn from. */
export function callParts(call: ToolCall, isDraft: boolean): Part[] {
  const parts: Part[] = [{ origin: 'action', text: actionLine(call) }]
  if ('content' in call.arguments && call.arguments.content !== '') {
    parts.push({ origin: isDraft ? 'draft' : 'action', text: call.arguments.content })
  }
  return parts
}

/**
 * What a call does, in one line with its line end: `Read src/b.ts lines 1-40`, `Write src/a.ts`, `Check src/a.ts`,
 * `Edit src/a.ts after line 120` (an insertion), `Edit src/a.ts lines 10-14` (a replacement).
 */
function actionLine(call: ToolCall): string {
  const subject = `${call.name} ${quotedWhereNeeded(call.arguments.path)}`
  if (call.name === 'Write' || call.name === 'Check') return `${subject}\n`
  const first = call.arguments.start_line
  if (call.name === 'Edit' && call.arguments.replaced_lines === 0) return `${subject} after line ${first - 1}\n`
  const last = call.name === 'Edit' ? first + call.arguments.replaced_lines - 1 : call.arguments.end_line
  return last < first ? `${subject}\n` : `${subject} lines ${first}-${last}\n`
}

/** A path as it is, or as a JSON string where it could be mistaken for more than a path: file names may hold line ends. */
export function quotedWhereNeeded(path: string): string {
  return /\p{Cc}|^["\s]|\s$/u.test(path) ? JSON.stringify(path) : path
}

function countLines(text: string): number {
  const lineEnds = text.split('\n').length - 1
  return text === '' || text.endsWith('\n') ? lineEnds : lineEnds + 1
}
