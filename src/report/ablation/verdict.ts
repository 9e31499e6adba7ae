import type { Ablation, AblationMeasure } from '../../records/index.js'
import { measureWords } from './words.js'

export type MeasuredArm = Ablation['measures'][number]['arms'][number]

/** How an arm compares with bare code, as far as the intervals over seeds and over repositories both support it. */
export function verdictOf(
  measure: AblationMeasure,
  { arm, overSeeds, overRepositories }: Pick<MeasuredArm, 'arm' | 'overSeeds' | 'overRepositories'>,
): string {
  if (arm === 'raw-code') return 'what the others are held against'
  if (overSeeds === null) return 'nothing to hold it against: bare code is no arm here'
  if (overSeeds.interval === null) return 'not distinguishable: one seed has no spread'
  if (!overSeeds.isDistinguishable) return 'not distinguishable from bare code'
  const isBetter = overSeeds.mean < 0 === measureWords[measure].isLowerBetter
  const side = isBetter ? 'better than bare code' : 'worse than bare code'
  if (overRepositories === null) return side
  const agrees = overRepositories.isDistinguishable && overRepositories.mean < 0 === overSeeds.mean < 0
  return agrees ? side : `${side} over seeds, not distinguishable over repositories`
}
