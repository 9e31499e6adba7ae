import { withFile } from '../disk.js'
import { faultKinds, type FaultKind } from './fault.js'
import { applyFault, candidatesFor, type DebuggingInput } from './plan-debugging.js'

/** Of one kind of fault in one file: whether there was a place for it, and whether a check saw one of those tried. */
export type FaultOutcome = 'no place' | 'unseen' | 'seen'

/**
 * For a trial of the check: what becomes of each kind of fault in a file. `null` where the check finds something in the
 * true file already.
 */
export async function tryFaults(input: Omit<DebuggingInput, 'kinds'>): Promise<Record<FaultKind, FaultOutcome> | null> {
  const { file, truth, disk, checker } = input
  const right = await checker.check(file.path, withFile(disk, file.path, truth))
  if (right.problems > 0) return null
  const outcomes: [FaultKind, FaultOutcome][] = []
  for (const kind of faultKinds) {
    const faults = await candidatesFor({ ...input, kinds: [kind] }, [kind])
    let outcome: FaultOutcome = faults.length === 0 ? 'no place' : 'unseen'
    for (const fault of outcome === 'unseen' ? faults : []) {
      const wrong = await checker.check(file.path, withFile(disk, file.path, applyFault(truth, fault)))
      if (wrong.problems === 0) continue
      outcome = 'seen'
      break
    }
    outcomes.push([kind, outcome])
  }
  return Object.fromEntries(outcomes) as Record<FaultKind, FaultOutcome>
}
