import type { Change } from '../change.js'
import type { Source } from '../source.js'
import { missingArguments, swappedArguments } from './argument-faults.js'
import { droppedAwaits } from './dropped-awaits.js'
import { missingImports, wrongImports } from './import-faults.js'
import { missingBranches } from './missing-branches.js'
import { offByOnes } from './off-by-ones.js'
import { renamedSymbols } from './renamed-symbols.js'
import { unclosedBlocks } from './unclosed-blocks.js'

/**
 * The kinds of fault that can be put into a file. Each kind has the function that lists the changes of that kind which a
 * file allows, in order of their places. To add a kind: one file and one line here; the values of the option
 * `debugging.kinds`, and its default, are the keys of this table.
 */
export const faultTable = {
  'wrong-import': wrongImports,
  'missing-import': missingImports,
  'renamed-symbol': renamedSymbols,
  'missing-argument': missingArguments,
  'swapped-arguments': swappedArguments,
  'missing-branch': missingBranches,
  'off-by-one': offByOnes,
  'dropped-await': droppedAwaits,
  'unclosed-block': unclosedBlocks,
} satisfies Record<string, (source: Source) => Change[]>

export type FaultKind = keyof typeof faultTable

export const faultKinds = Object.keys(faultTable) as FaultKind[]
