import { matchPath } from '../generation/index.js'
import type { RepositorySnapshot, Trajectory } from '../records/index.js'

export type PlanEntry = Trajectory['plan']['files'][number]

/** A plan held against the repository. */
export interface CheckedPlan {
  /** Entries that name a file, each file once, in the plan's order. */
  entries: PlanEntry[]
  /** Files without an entry, in implementation order. */
  missing: string[]
  /** What the other entries named: no file of the repository, or one a second time. */
  dropped: string[]
}

const maxDroppedChars = 200

/** Pure: which entries stand, which do not, and which files have none. One without a purpose counts as not there. */
export function checkPlan(snapshot: RepositorySnapshot, said: readonly PlanEntry[]): CheckedPlan {
  const files = new Set(snapshot.order)
  const entries = new Map<string, PlanEntry>()
  const dropped: string[] = []
  for (const { path: saidPath, purpose } of said) {
    const path = matchPath(saidPath, files, snapshot.name)
    if (path === null || entries.has(path)) dropped.push(saidPath.slice(0, maxDroppedChars))
    else if (purpose.trim() !== '') entries.set(path, { path, purpose })
  }
  return { entries: [...entries.values()], missing: snapshot.order.filter((path) => !entries.has(path)), dropped }
}

/** The entries of a later answer that are for files without one; that it repeats the others is no fault. */
export function entriesFor(
  snapshot: RepositorySnapshot,
  missing: readonly string[],
  said: readonly PlanEntry[],
): PlanEntry[] {
  const files = new Set(snapshot.order)
  const wanted = new Set(missing)
  return said.filter(({ path }) => {
    const file = matchPath(path, files, snapshot.name)
    return file === null || wanted.has(file)
  })
}
