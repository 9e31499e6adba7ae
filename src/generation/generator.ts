import type { RepositorySnapshot, Thought } from '../records/index.js'

/** What a thought is about: the step that it stands before, as far as its writer may know it. */
export interface ThoughtRequest {
  snapshot: RepositorySnapshot
  /** The file that the agent works on. */
  path: string
  /** Files that are written already. */
  written: ReadonlySet<string>
  /** What the thought leads to: reading these files, or writing bytes `[start, end)` of `path`. */
  leadsTo: { kind: 'read'; paths: string[] } | { kind: 'code'; start: number; end: number }
}

/** Who writes the words. Nothing that it says reaches an observation or the code. */
export interface Generator {
  readonly info: { kind: string; version: string }
  requirements(snapshot: RepositorySnapshot): Promise<string>
  /** The approach in prose, and one line of purpose for each file of `snapshot.order`, in that order. */
  plan(snapshot: RepositorySnapshot): Promise<{ approach: string; purposes: string[] }>
  thought(request: ThoughtRequest): Promise<Thought>
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
}
