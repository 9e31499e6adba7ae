import type { ZodObject, ZodType } from 'zod'
import type { BlobSpan, SpanReader } from '../core/index.js'
import type { ToolDefinition } from './definition.js'

/** What every action has. A tool that writes into the file has `content`; a draft is a first version that is wrong. */
interface AnyAction {
  tool: string
  path: string
  content?: BlobSpan
  draft?: true | undefined
}

/** What every call has. `content` is what the tool writes into the file; rendering puts it below the line. */
export interface AnyArguments {
  path: string
  content?: string
}

/** The files as a replay has written them so far, and what it takes to run an action on them. */
export interface ReplayWorld {
  /** `undefined` where the file is not written. */
  get(path: string): Uint8Array | undefined
  write(path: string, bytes: Uint8Array): void
  bytesOf(span: BlobSpan): Uint8Array
  /** What a Check of a written file says now. */
  check(path: string): Promise<string>
  /** Ends the replay: the action breaks the replay law. */
  fail(reason: string): never
}

/**
 * All that the engine knows of one tool. A trajectory holds `Action`, which refers to repository content by spans;
 * exports and imports hold a call with `Arguments`, which holds the content itself.
 */
export interface Tool<Action extends AnyAction = AnyAction, Arguments extends AnyArguments = AnyArguments> {
  /** What a model is told of the tool, and what exports carry. Its name is the action's `tool`. */
  definition: ToolDefinition
  /** An action of the tool in a trajectory. */
  schema: ZodObject
  /** The arguments that `definition` asks for. Line numbers are 1-based, both ends count. */
  argumentsSchema: ZodType<Arguments>
  /** The arguments of an action's call. `observation` is what the step shows, `null` where it shows nothing. */
  argumentsOf(action: Action, observation: BlobSpan | null, read: SpanReader): Arguments
  /** What a call does, in one line with its line end. */
  line(given: Arguments): string
  /** Whether the agent sees something after the call: the step then has an observation. */
  shows: boolean
  /** Name of the count of such actions in the result of a replay. */
  counter: string
  /** Runs the action, and holds what it shows against the files. */
  replay(action: Action, observation: BlobSpan | null, world: ReplayWorld): void | Promise<void>
}
