import { folderLines } from './folder-text.js'
import { formatGib, totalBytes } from './memory.js'
import type { TrainingPlan } from './plan.js'
import type { LaunchOptions } from './request.js'
import { shellQuote } from './shell-text.js'
import { launchEnv, torchrunArguments } from './torchrun.js'
import type { TrainingRecord } from './training-folder.js'

/**
 * Shell commands that start a training by hand: they make its folder and run torchrun. They stand in parentheses, so that
 * a failure ends them and not the shell that they were pasted into.
 */
export function commandText(plan: TrainingPlan, python: string, launch: LaunchOptions, record: TrainingRecord): string {
  const env = Object.entries(launchEnv(plan)).map(([name, value]) => `${name}=${shellQuote(value)}`)
  const words = [python, ...torchrunArguments(plan, launch, null)].map(shellQuote)
  return ['(', 'set -eu', ...folderLines(plan.job, record), [...env, ...words].join(' '), ')', ''].join('\n')
}

/** A plan for a person: ranks, steps, tokens, what is drawn from which domain, and memory by its parts. */
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
  const about = data.stepsAreExact ? '' : 'about '
  const tokens = Math.round(data.steps * data.tokensPerStep)
  const machines = nodes === 1 ? '' : ` (${nodes} machines of ${processes})`
  const parts = Object.entries(memory).map(
    ([name, bytes]) => `  ${name.padEnd(16)}${formatGib(bytes as number).padStart(11)}`,
  )
  const domains = data.domains.map(({ domain, share, tokens: domainTokens, passes }) => {
    const times = passes >= 10 ? passes.toFixed(0) : passes.toFixed(2)
    return `  ${domain.padEnd(16)}${(100 * share).toFixed(1).padStart(6)} %  of ${grouped(domainTokens)} tokens, each seen ${times} times`
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
