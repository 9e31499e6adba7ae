import type { Command } from 'commander'
import { shippedModel } from '../config.js'
import { examine, type CheckResult } from '../pipeline/index.js'
import { answerWith } from './command.js'
import { addScorerOptions, configOf, type ScorerFlags } from './scorer-options.js'

interface DoctorFlags extends ScorerFlags {
  model?: string
  out: string
  python?: string
  json?: boolean
}

export function configure(command: Command): void {
  command
    .option('--config <file>', 'JSON config of the run')
    .option('--model <dir>', 'the model of the run (default: the small model that ships)')
    .option('--out <folder>', 'where the run would go, for the room on its disk', '.')
    .option('--python <path>', 'a Python for training (default: the environment that retrace train makes)')
  addScorerOptions(command)
    .addHelpText(
      'after',
      '\nIt exits with 0 where a run can start, and with 1 where something that it needs is missing.',
    )
    .action((flags: DoctorFlags) =>
      answerWith(flags, async () => {
        const modelDir = flags.model ?? shippedModel()
        const request = { inputs: [], folder: flags.out, modelDir, config: configOf(flags) }
        const checks = await examine(request, flags.python)
        const isReady = checks.every(({ isNeeded, isOk }) => isOk || !isNeeded)
        return { json: { isReady, checks }, text: describeChecks(checks, isReady), failed: !isReady }
      }),
    )
}

function describeChecks(checks: readonly CheckResult[], isReady: boolean): string {
  const width = Math.max(...checks.map(({ name }) => name.length))
  const lines = checks.map(({ name, isNeeded, isOk, detail }) => {
    const optional = isOk || isNeeded ? '' : ' (not needed for this run)'
    return `${isOk ? '✓' : '✗'} ${name.padEnd(width)}  ${detail}${optional}`
  })
  const missing = checks.filter(({ isNeeded, isOk }) => isNeeded && !isOk).map(({ name }) => name)
  const conclusion = isReady ? 'A run can start.' : `A run cannot start without: ${missing.join(', ')}.`
  return [...lines, '', conclusion, ''].join('\n')
}
