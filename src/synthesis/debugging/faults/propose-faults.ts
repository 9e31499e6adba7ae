import { type Change, type FaultKind } from '../fault.js'
import type { Source } from '../source.js'
import { droppedAwaits } from './dropped-awaits.js'
import { missingArguments, swappedArguments } from './argument-faults.js'
import { missingBranches } from './missing-branches.js'
import { missingImports, wrongImports } from './import-faults.js'
import { offByOnes } from './off-by-ones.js'
import { renamedSymbols } from './renamed-symbols.js'
import { unclosedBlocks } from './unclosed-blocks.js'

/** All places of a file at which a fault could stand, in order; to add a kind, one function that proposes places. */
const proposers: Record<FaultKind, (source: Source) => Change[]> = {
  'wrong-import': wrongImports,
  'missing-import': missingImports,
  'renamed-symbol': renamedSymbols,
  'missing-argument': missingArguments,
  'swapped-arguments': swappedArguments,
  'missing-branch': missingBranches,
  'off-by-one': offByOnes,
  'dropped-await': droppedAwaits,
  'unclosed-block': unclosedBlocks,
}

/** The changes of one kind, by UTF-16 indices, in order of their places. */
export function proposeFaults(source: Source, kind: FaultKind): Change[] {
  return proposers[kind](source)
}
