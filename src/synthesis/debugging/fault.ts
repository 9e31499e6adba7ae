import type { Change } from './change.js'
import type { FaultKind } from './faults/fault-table.js'

/** A change of a known kind, its place given in bytes of the UTF-8 file instead of UTF-16 units. */
export interface Fault extends Change {
  kind: FaultKind
}
