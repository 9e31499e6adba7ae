import type { Problem } from '../problem.js'
import { checkArguments } from './arguments.js'
import { checkAwaits } from './awaits.js'
import type { CheckInput } from './check-input.js'
import { checkImports } from './imports.js'
import { checkLoops } from './loops.js'
import { checkMisspellings } from './misspellings.js'
import { checkNames } from './names.js'
import { checkReturns } from './returns.js'
import { checkStandardImports } from './standard-imports.js'

/**
 * The checks of a file that parses; `checkSyntax` comes before them. To add a check: one file and one line here. Their
 * order does not matter, as the problems are sorted by line.
 */
export const checkTable: readonly ((input: CheckInput) => Problem[])[] = [
  checkImports,
  checkNames,
  checkMisspellings,
  checkStandardImports,
  checkArguments,
  checkAwaits,
  checkLoops,
  checkReturns,
]
