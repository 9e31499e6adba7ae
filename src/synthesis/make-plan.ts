import type { Generator } from '../generation/index.js'
import type { RepositorySnapshot, Trajectory } from '../records/index.js'
import { checkPlan, entriesFor, type CheckedPlan } from './check-plan.js'
import { orderPlan } from './order-plan.js'

/** How often the generator is asked for the files that its plan lacks. */
const maxAskedAgain = 2

/**
 * Makes the requirements, and a plan that names each file of the repository once, in an order that respects the
 * dependencies.
 *
 * The generator is asked again for files that it left out. Files that are still missing are added here, and files in the
 * wrong order are moved. `repairs` lists all of that; a plan without mistakes is not changed.
 */
export async function makePlan(
  snapshot: RepositorySnapshot,
  generator: Generator,
): Promise<Pick<Trajectory, 'requirements' | 'plan'>> {
  const { requirements, approach, ...first } = await generator.overview(snapshot, [])
  const planned = [...first.files]
  const calls = [...first.calls]
  let checked = checkPlan(snapshot, planned)
  let askedAgain = 0
  while (askedAgain < maxAskedAgain && checked.missing.length > 0) {
    const next = await generator.overview(snapshot, problemsOf(snapshot, checked), checked.missing)
    askedAgain++
    planned.push(...entriesFor(snapshot, checked.missing, next.files))
    calls.push(...next.calls)
    const before = checked.missing.length
    checked = checkPlan(snapshot, planned)
    // The same question would get the same answer.
    if (checked.missing.length === before) break
  }
  const purposes = new Map(checked.entries.map(({ path, purpose }) => [path, purpose]))
  const { order, moved } = orderPlan(snapshot, [...purposes.keys()])
  const files = order.map((path) => ({ path, purpose: purposes.get(path) ?? generator.purpose(snapshot, path) }))
  const repairs = { askedAgain, added: checked.missing, dropped: checked.dropped, moved }
  return { requirements, plan: { approach, files, calls, repairs } }
}

const maxToldNames = 20

function problemsOf({ files }: RepositorySnapshot, { missing, dropped }: CheckedPlan): string[] {
  const gaps = `${missing.length} of the ${files.length} files have no entry with a purpose.`
  return [gaps, ...dropped.slice(0, maxToldNames).map((name) => `No file to plan is called ${JSON.stringify(name)}.`)]
}
