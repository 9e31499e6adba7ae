import { folderLines } from './folder-text.js'
import { formatGib, totalBytes } from './memory.js'
import type { TrainingPlan } from './plan-training.js'
import { shellQuote } from './shell-text.js'
import { launchEnv, torchrunArguments } from './torchrun.js'
import type { LaunchOptions } from './train.js'
import type { TrainingRecord } from './training-folder.js'

/**
 * Commands that start a training by hand, for a shell: they make its folder and run torchrun. In parentheses, so that
 * what ends them does not end the shell that they were pasted into.
 */
export function commandText(plan: TrainingPlan, python: string, launch: LaunchOptions, record: TrainingRecord): string {
  const env = Object.entries(launchEnv(plan)).map(([name, value]) => `${name}=${shellQuote(value)}`)
  const words = [python, ...torchrunArguments(plan, launch, null)].map(shellQuote)
  return ['(', 'set -eu', ...folderLines(plan.job, record), [...env, ...words].join(' '), ')', ''].join('\n')
}

/** What a plan comes to, for a person: ranks, steps and tokens, what is drawn from where, and memory by its parts. */
export function planText({
  device,
  nodes,
  processes,
  worldSize,
  rowsPerRank,
  data,
  memory,
  availableBytes,
  job,
  notes,
}: TrainingPlan): string {
  // prettier-ignore
  const about = data.stepsAreExact ? '' : 'about '
  const tokens = Math.round(data.steps * data.tokensPerStep)
  const machines = nodes === 1 ? '' : ` (${nodes} machines of ${processes})`
  const parts = Object.entries(memory).map(
    ([name, bytes]) => `  ${name.padEnd(16)}${formatGib(bytes as number).padStart(11)}`,
  )
  const domains = data.domains.map(({ domain, share, tokens: there, passes }) => {
    const seen = passes >= 10 ? passes.toFixed(0) : passes.toFixed(2)
    return `  ${domain.padEnd(16)}${(100 * share).toFixed(1).padStart(6)} %  of ${grouped(there)} tokens, each seen ${seen} times`
  })
  return [
    `Ranks   ${worldSize} on ${device}${machines}, ${rowsPerRank} of ${job.config.batchRows} rows a step for each, engine ${job.engine}`,
    `Steps   ${about}${grouped(data.steps)} of about ${grouped(data.tokensPerStep)} tokens, about ${grouped(tokens)} in all`,
    `Rows    ${grouped(data.rows)} of up to ${grouped(data.rowTokens)} tokens`,
    ...domains,
    `Memory  about ${formatGib(totalBytes(memory))} of ${formatGib(availableBytes)} for each rank`,
    ...parts,
    ...notes,
    '',
  ].join('\n')
}

function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
