import { InvalidArgumentError, type Command } from 'commander'
import { relative } from 'node:path'
import { shippedModel } from '../config.js'
import {
  ablate,
  ablationArms,
  loadAblationConfig,
  planAblation,
  readInputList,
  splitRepositories,
} from '../pipeline/index.js'
import { answerWith } from './command.js'
import { describeAblation, describePlan } from './describe-ablation.js'
import { addPythonOptions, addRepositories, share, wholeNumber, type PythonFlags } from './options.js'

type Arm = (typeof ablationArms)[number]

interface AblateFlags extends PythonFlags {
  out: string
  from?: string
  heldOut?: string
  heldOutShare: number
  model?: string
  config?: string
  seeds: number
  tokens: number
  arms: Arm[]
  tasks?: boolean
  print?: boolean
  json?: boolean
}

const notes = `
Example:
  $ retrace ablate --from train.txt --held-out held-out.txt --out ablation --python venv/bin/python

A repository is trained on or held out, never both. Figures are in ablation.json, the page is ablation.html.
With --seeds or --arms raised, the same command adds what is not there yet.`

export function configure(command: Command): void {
  addRepositories(command)
    .requiredOption('--out <folder>', 'where all of it goes; the same command again goes on where it was stopped')
    .option(
      '--held-out <file>',
      'a file with the repositories that only are measured; without it some are chosen by name',
    )
    .option('--held-out-share <share>', 'share of the repositories that is chosen so', share, 0.2)
    .option('--model <dir>', 'the model that every arm begins with (default: the small model that ships)')
    .option(
      '--config <file>',
      'JSON config with the keys "run" (as for retrace run) and "training" (as for retrace train)',
    )
    .option('--seeds <n>', 'models for each arm, with the seeds 0 to n - 1', wholeNumber(1), 3)
    .option('--tokens <n>', 'tokens that each model sees', wholeNumber(1), 500_000)
    .option('--arms <names>', `some of: ${ablationArms.join(', ')}`, parseArms, [...ablationArms])
    .option('--tasks', 'measure needle and completion too, as retrace eval does, on the held-out repositories')
  addPythonOptions(command)
    .option('--print', 'say what would be done and what is done, and do nothing')
    .addHelpText('after', notes)
    .action((named: string[], flags: AblateFlags) =>
      answerWith(flags, async (context) => {
        const request = requestOf(named, flags)
        if (flags.print === true) {
          const plan = await planAblation(request)
          return { json: plan, text: describePlan(plan) }
        }
        const { ablation, report } = await ablate(request, context)
        return { json: { ...ablation, report }, text: describeAblation(ablation, relative('.', report) || report) }
      }),
    )
}

function parseArms(text: string): Arm[] {
  return text.split(',').map((word) => {
    const arm = ablationArms.find((arm) => arm === word.trim())
    if (arm !== undefined) return arm
    throw new InvalidArgumentError(`There is no arm "${word.trim()}". Arms: ${ablationArms.join(', ')}.`)
  })
}

function requestOf(named: string[], flags: AblateFlags): Parameters<typeof ablate>[0] {
  const config = loadAblationConfig(flags.config)
  const inputs = [...named, ...(flags.from === undefined ? [] : readInputList(flags.from))]
  const heldOut = flags.heldOut === undefined ? null : readInputList(flags.heldOut)
  const { tokens, seeds, arms, device } = flags
  return {
    split: splitRepositories(inputs, heldOut, { share: flags.heldOutShare, seed: config.run.seed }),
    folder: flags.out,
    modelDir: flags.model ?? shippedModel(),
    choices: { config, tokens, seeds, arms, device, tasks: flags.tasks === true },
    python: { python: flags.python, venv: flags.venv },
  }
}
