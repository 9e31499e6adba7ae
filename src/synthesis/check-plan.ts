import { matchPath } from '../generation/index.js'
import type { RepositorySnapshot, Trajectory } from '../records/index.js'

type PlanEntry = Trajectory['plan']['files'][number]

/** The result of comparing a plan with the repository. */
export interface CheckedPlan {
  /** The entries that name a file, each file once, in the order of the plan. */
  entries: PlanEntry[]
  /** Files without an entry, in implementation order. */
  missing: string[]
  /** The paths of the other entries: they name no file of the repository, or name a file a second time. */
  dropped: string[]
}

const maxDroppedChars = 200

/** Compares a plan with the repository. An entry without a purpose is ignored. */
export function checkPlan(snapshot: RepositorySnapshot, planned: readonly PlanEntry[]): CheckedPlan {
  const files = new Set(snapshot.order)
  const entries = new Map<string, PlanEntry>()
  const dropped: string[] = []
  for (const { path: plannedPath, purpose } of planned) {
    const path = matchPath(plannedPath, files, snapshot.name)
    if (path === null || entries.has(path)) dropped.push(plannedPath.slice(0, maxDroppedChars))
    else if (purpose.trim() !== '') entries.set(path, { path, purpose })
  }
  return { entries: [...entries.values()], missing: snapshot.order.filter((path) => !entries.has(path)), dropped }
}

/** The entries of a later answer without those for files that have one already: repeating them is no mistake. */
export function entriesFor(
  snapshot: RepositorySnapshot,
  missing: readonly string[],
  planned: readonly PlanEntry[],
): PlanEntry[] {
  const files = new Set(snapshot.order)
  const wanted = new Set(missing)
  return planned.filter(({ path }) => {
    const file = matchPath(path, files, snapshot.name)
    return file === null || wanted.has(file)
  })
}
