import type { GeneratorInfo, RepositorySnapshot, Thought } from '../records/index.js'

/** What the main agent says of a repository. */
export interface Overview {
  requirements: string
  /** The order of work and why, in prose. */
  approach: string
  /** What it would write, in its order; nobody has held it against the repository yet. */
  files: { path: string; purpose: string }[]
  /** Digests of the blobs with the calls behind it. */
  calls: string[]
}

/** What a file agent knows when it works on a file. */
export interface FileRequest {
  snapshot: RepositorySnapshot
  /** The file that the agent works on. */
  path: string
  /** Its part of the plan; empty where there is none. */
  purpose: string
  /** Files that are written already. */
  written: { has(path: string): boolean }
}

/** What a thought is about: the step that it stands before, as far as its writer may know it. */
export interface ThoughtRequest extends FileRequest {
  /** Files that the agent has read for it. */
  read: readonly string[]
  leadsTo:
    | { kind: 'read'; paths: string[] }
    /** Writing bytes `[start, end)` of `path`; `code` is their text where the writer may see it. */
    | { kind: 'code'; start: number; end: number; code: string | null }
    /** Mending a first version: what the check said of it, and the bytes of the true file that take its place. */
    | { kind: 'fix'; start: number; end: number; check: string; code: string | null }
}

export interface ReadChoice {
  /** Each once; none where nothing helps. */
  paths: string[]
  /** Digest of the blob with the call behind it; none where nobody was asked, or no answer could be used. */
  call?: string
}

export interface ReadChoiceRequest extends FileRequest {
  /** Written files that the file depends on, with the names it takes from them; those that give most stand first. */
  candidates: readonly { path: string; names: readonly string[] }[]
  maxReads: number
}

/** Who writes the words. Nothing that it says reaches an observation or the code, but for drafts, which are not trained. */
export interface Generator {
  readonly info: GeneratorInfo
  /**
   * `problems`: what was wrong with the plan that it gave before, one line each; empty the first time. Where there are
   * some, the files that are `wanted` are enough, and requirements and approach may be empty.
   */
  overview(snapshot: RepositorySnapshot, problems: readonly string[], wanted?: readonly string[]): Promise<Overview>
  /** One line on what a file is for, where the plan has none. */
  purpose(snapshot: RepositorySnapshot, path: string): string
  /** Which written files to look at, at most `maxReads`. */
  chooseReads(request: ReadChoiceRequest): Promise<ReadChoice>
  thought(request: ThoughtRequest): Promise<Thought>
  /** The writer's own try at bytes `[start, end)` of the file; `null` where it makes none. */
  attempt(request: ThoughtRequest): Promise<{ code: string; call?: string } | null>
  /**
   * Up to `count` other thoughts for the same step, none of them in `tried` or equal to another; fewer where there is
   * nothing else to say. `seed` names the draw.
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
