import { withFile } from '../../src/synthesis/disk.js'
import { faultKinds, type FaultKind } from '../../src/synthesis/debugging/faults/fault-table.js'
import { applyFault, candidatesFor, type DebuggingInput } from '../../src/synthesis/debugging/plan-debugging.js'

/** For one kind of fault in one file: whether there was a place for it, and whether a check saw one of those tried. */
type FaultOutcome = 'no place' | 'unseen' | 'seen'

/** Tries each kind of fault in a file. `null` if the check already finds something in the true file. */
export async function tryFaults(input: Omit<DebuggingInput, 'kinds'>): Promise<Record<FaultKind, FaultOutcome> | null> {
  const { file, truth, disk, checker } = input
  const right = await checker.check(file.path, withFile(disk, file.path, truth))
  if (right.problems > 0) return null
  const outcomes: [FaultKind, FaultOutcome][] = []
  for (const kind of faultKinds) {
    const faults = await candidatesFor({ ...input, kinds: [kind] }, [kind])
    let outcome: FaultOutcome = faults.length === 0 ? 'no place' : 'unseen'
    for (const fault of faults) {
      const wrong = await checker.check(file.path, withFile(disk, file.path, applyFault(truth, fault)))
      if (wrong.problems === 0) continue
      outcome = 'seen'
      break
    }
    outcomes.push([kind, outcome])
  }
  return Object.fromEntries(outcomes) as Record<FaultKind, FaultOutcome>
}
