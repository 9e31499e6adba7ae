import { z } from 'zod'
import type { BlobSpan, SpanReader } from '../core/index.js'
import { checkTool } from './check.js'
import type { ToolDefinition } from './definition.js'
import { editTool } from './edit.js'
import { readTool } from './read.js'
import type { AnyArguments, Tool } from './tool.js'
import { writeTool } from './write.js'

/** Every tool of a file agent. All that depends on which tools there are is derived from this list. */
const tools = [readTool, writeTool, editTool, checkTool] as const

type ToolRow = (typeof tools)[number]

/** An action in a trajectory. */
export const actionSchema = z.discriminatedUnion(
  'tool',
  tools.map(({ schema }) => schema) as [ToolRow['schema'], ...ToolRow['schema'][]],
)
export type Action = z.infer<typeof actionSchema>

/** What a file agent can do, as it is told to the agent and as exports carry it. */
export const toolDefinitions: readonly ToolDefinition[] = tools.map(({ definition }) => definition)

export type ToolCounter = ToolRow['counter']
/** A count of 0 for each tool. */
export function noActions(): Record<ToolCounter, number> {
  return Object.fromEntries(tools.map(({ counter }) => [counter, 0])) as Record<ToolCounter, number>
}

type TableTool = Tool & { counter: ToolCounter }

const toolByName: ReadonlyMap<string, TableTool> = new Map(tools.map((tool) => [tool.definition.function.name, tool]))

export function toolOf(name: Action['tool']): TableTool {
  return toolByName.get(name) as TableTool
}

/** An action by value. */
export interface ToolCall {
  name: Action['tool']
  arguments: AnyArguments
}

/** The call that a step makes. */
export function toolCallOf(
  { action, observation }: { action: Action; observation: BlobSpan | null },
  read: SpanReader,
): ToolCall {
  return { name: action.tool, arguments: toolOf(action.tool).argumentsOf(action, observation, read) }
}

/** A call of one of our tools as a file gives it; `null` where it is another call. */
export function parseToolCall(name: string, given: unknown): ToolCall | null {
  const parsed = toolByName.get(name)?.argumentsSchema.safeParse(given)
  return parsed?.success === true ? { name: name as Action['tool'], arguments: parsed.data } : null
}
