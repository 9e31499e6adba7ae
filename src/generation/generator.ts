import type { GeneratorInfo, RepositorySnapshot, Thought } from '../records/index.js'

/** The requirements and the plan of a repository, as the main agent writes them. */
export interface Overview {
  requirements: string
  /** The order of work and why, in prose. */
  approach: string
  /** The planned files in the order of writing. They are not yet compared with the repository. */
  files: { path: string; purpose: string }[]
  /** Digests of the blobs that hold the calls. */
  calls: string[]
}

/** What every request about one file has. */
export interface FileRequest {
  snapshot: RepositorySnapshot
  /** The file that the agent works on. */
  path: string
  /** Its purpose in the plan; empty if the plan has none. */
  purpose: string
  /** The files that are written already. */
  written: { has(path: string): boolean }
}

/** A request for the thought before a step, with what the generator may know about the step. */
export interface ThoughtRequest extends FileRequest {
  /** The files that the agent has read for this file. */
  read: readonly string[]
  leadsTo:
    | { kind: 'read'; paths: string[] }
    /** Writing bytes `[start, end)` of `path`; `code` is their text if the generator may see it. */
    | { kind: 'code'; start: number; end: number; code: string | null }
    /** Fixing a wrong first version: the output of the check, and the bytes of the true file that replace the wrong ones. */
    | { kind: 'fix'; start: number; end: number; check: string; code: string | null }
}

export interface ReadChoice {
  /** No path twice; may be empty. */
  paths: string[]
  /** Digest of the blob that holds the call; absent if no model was asked or no answer could be used. */
  call?: string
}

export interface ReadChoiceRequest extends FileRequest {
  /** Written files that the file imports, with the names imported from each; most names first. */
  candidates: readonly { path: string; names: readonly string[] }[]
  maxReads: number
}

/**
 * Writes the words of a trajectory. Its text reaches no observation and no code, except drafts, which are not trained on.
 */
export interface Generator {
  readonly info: GeneratorInfo
  /**
   * `problems` says what was wrong with the previous plan, one line each; it is empty the first time. If there are
   * problems, only the `wanted` files are needed, and requirements and approach may be empty.
   */
  overview(snapshot: RepositorySnapshot, problems: readonly string[], wanted?: readonly string[]): Promise<Overview>
  /** One line on the purpose of a file, for files that have none in the plan. */
  purpose(snapshot: RepositorySnapshot, path: string): string
  /** Chooses which written files to read, at most `maxReads`. */
  chooseReads(request: ReadChoiceRequest): Promise<ReadChoice>
  thought(request: ThoughtRequest): Promise<Thought>
  /** The generator's own attempt at bytes `[start, end)` of the file; `null` if it makes none. */
  attempt(request: ThoughtRequest): Promise<{ code: string; call?: string } | null>
  /**
   * Up to `count` other thoughts for the same step, no two equal and none in `tried`; fewer if there is nothing else to
   * say. The same `seed` gives the same thoughts.
   */
  rewrite(
    request: ThoughtRequest,
    best: Thought,
    tried: ReadonlySet<string>,
    count: number,
    seed: string,
  ): Promise<Thought[]>
  dispose(): Promise<void>
}
