import { verdictOf, type Ablation, type AblationPlan } from '../pipeline/index.js'
import { counted } from './counted.js'
import { formatSeconds } from './progress.js'

/** What an ablation would do, and what of it is done. */
export function describePlan({
  split,
  arms,
  seeds,
  models,
  tokensEach,
  tokensInAll,
  done,
  measured,
}: AblationPlan): string {
  const times = measured.map(({ stage, units, seconds }) => `  ${stage}: ${units} done in ${formatSeconds(seconds)}`)
  return [
    `Train on ${counted(split.training.length, 'repositories')}:`,
    ...split.training.map((path) => `  ${path}`),
    `Hold out ${split.heldOut.length}:`,
    ...split.heldOut.map((path) => `  ${path}`),
    `${counted(models, 'models')}: ${arms.join(', ')}; ${counted(seeds, 'seeds')} each`,
    `${tokensEach} tokens each, ${tokensInAll} in all`,
    `Done: ${done.trained} trained, ${done.evaluated} measured`,
    ...(times.length === 0
      ? ['Nothing was measured here yet, so nothing is said of the time.']
      : ['Measured here:', ...times]),
    '',
  ].join('\n')
}

/** The figures in a table, and what may be said of them. */
export function describeAblation({ measures, arms, repositories }: Ablation, report: string): string {
  const lines: string[] = []
  for (const { measure, base, arms: measured } of measures) {
    lines.push(`${measure} (before training ${base.toFixed(4)})`)
    for (const result of measured) {
      const { arm, mean, standardDeviation, overSeeds } = result
      const spread = standardDeviation === null ? '' : ` ± ${standardDeviation.toFixed(4)}`
      const difference = overSeeds === null ? '' : `  ${signed(overSeeds.mean)}`
      lines.push(`  ${arm.padEnd(22)} ${mean.toFixed(4)}${spread}${difference}  ${verdictOf(measure, result)}`)
    }
  }
  for (const { arm, trainings } of arms) {
    const [first] = trainings
    if (first !== undefined)
      lines.push(`${arm}: ${first.tokens} tokens, ${first.trainedTokens} trained, ${first.epochs.toFixed(2)} passes`)
  }
  const trainedOn = counted(repositories.training.length, 'repositories')
  lines.push(`${trainedOn} trained on, ${repositories.heldOut.length} held out`)
  return [...lines, `Report  ${report}`, ''].join('\n')
}

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${value.toFixed(4)}`
}
