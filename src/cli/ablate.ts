import { InvalidArgumentError, Option, type Command } from 'commander'
import { relative } from 'node:path'
import { shippedModel } from '../config.js'
import {
  ablate,
  ablationArms,
  loadAblationConfig,
  planAblation,
  readInputList,
  splitRepositories,
  verdictOf,
  type Ablation,
  type AblationPlan,
} from '../pipeline/index.js'
import { answerWith, newCommand } from './command.js'
import { formatSeconds } from './progress.js'

interface AblateFlags {
  out: string
  from?: string
  heldOut?: string
  heldOutShare: number
  model?: string
  config?: string
  seeds: number
  tokens: number
  arms: (typeof ablationArms)[number][]
  tasks?: boolean
  device: 'auto' | 'cpu' | 'cuda'
  python?: string
  venv?: string
  print?: boolean
  json?: boolean
}

function count(text: string): number {
  if (!/^[1-9]\d{0,14}$/.test(text)) throw new InvalidArgumentError('Give a whole number, 1 or more.')
  return Number(text)
}

function share(text: string): number {
  const value = Number(text)
  if (!(value > 0 && value < 1)) throw new InvalidArgumentError('Give a number between 0 and 1.')
  return value
}

function armsOf(text: string): (typeof ablationArms)[number][] {
  const names = text.split(',').map((name) => name.trim())
  return names.map((name) => {
    const known = ablationArms.find((arm) => arm === name)
    if (known === undefined)
      throw new InvalidArgumentError(`There is no arm "${name}". Arms: ${ablationArms.join(', ')}.`)
    return known
  })
}

export function ablateCommand(): Command {
  return newCommand(
    'ablate',
    'train on bare code and on trajectories, equal tokens each, and measure what that is worth',
  )
    .argument('[repo...]', 'folders, git repositories, or .tar.gz / .tgz files; nothing in them is executed')
    .option('--from <file>', 'a file with one repository a line; they follow those that are named')
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
    .option('--seeds <n>', 'models for each arm, with the seeds 0 to n - 1', count, 3)
    .option('--tokens <n>', 'tokens that each model sees', count, 500_000)
    .option('--arms <names>', `some of: ${ablationArms.join(', ')}`, armsOf, [...ablationArms])
    .option('--tasks', 'measure needle and completion too, as retrace eval does, on the held-out repositories')
    .addOption(
      new Option('--device <name>', 'what trains and measures').choices(['auto', 'cpu', 'cuda']).default('auto'),
    )
    .option('--python <path>', 'an interpreter that has PyTorch and Transformers')
    .option('--venv <dir>', 'where the virtual environment is, or is to be made')
    .option('--print', 'say what would be done and what is done, and do nothing')
    .addHelpText(
      'after',
      `
Example:
  $ retrace ablate --from train.txt --held-out held-out.txt --out ablation --python venv/bin/python

A repository is trained on or held out, never both. Figures are in ablation.json, the page is ablation.html.
With --seeds or --arms raised, the same command adds what is not there yet.`,
    )
    .action(async (named: string[], options: AblateFlags) => {
      await answerWith(options, async (context) => {
        const config = loadAblationConfig(options.config)
        const inputs = [...named, ...(options.from === undefined ? [] : readInputList(options.from))]
        const heldOut = options.heldOut === undefined ? null : readInputList(options.heldOut)
        const { tokens, seeds, arms, device } = options
        const request = {
          split: splitRepositories(inputs, heldOut, { share: options.heldOutShare, seed: config.run.seed }),
          folder: options.out,
          modelDir: options.model ?? shippedModel(),
          choices: { config, tokens, seeds, arms, device, tasks: options.tasks === true },
          python: { python: options.python, venv: options.venv },
        }
        if (options.print === true) {
          const plan = await planAblation(request)
          return { json: plan, text: describePlan(plan) }
        }
        const { ablation, report } = await ablate(request, context)
        return { json: { ...ablation, report }, text: describeAblation(ablation, relative('.', report) || report) }
      })
    })
}

function describePlan({ split, arms, seeds, models, tokensEach, tokensInAll, done, measured }: AblationPlan): string {
  const times = measured.map(({ stage, units, seconds }) => `  ${stage}: ${units} done in ${formatSeconds(seconds)}`)
  return [
    `Train on ${split.training.length} repositories:`,
    ...split.training.map((path) => `  ${path}`),
    `Hold out ${split.heldOut.length}:`,
    ...split.heldOut.map((path) => `  ${path}`),
    `${models} models: ${arms.join(', ')}; ${seeds} seeds each`,
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
    for (const one of measured) {
      const spread = one.standardDeviation === null ? '' : ` ± ${one.standardDeviation.toFixed(4)}`
      const difference = one.overSeeds === null ? '' : `  ${signed(one.overSeeds.mean)}`
      lines.push(`  ${one.arm.padEnd(22)} ${one.mean.toFixed(4)}${spread}${difference}  ${verdictOf(measure, one)}`)
    }
  }
  for (const { arm, trainings } of arms) {
    const [first] = trainings
    if (first !== undefined)
      lines.push(`${arm}: ${first.tokens} tokens, ${first.trainedTokens} trained, ${first.epochs.toFixed(2)} passes`)
  }
  lines.push(`${repositories.training.length} repositories trained on, ${repositories.heldOut.length} held out`)
  return [...lines, `Report  ${report}`, ''].join('\n')
}

function signed(value: number): string {
  return `${value > 0 ? '+' : ''}${value.toFixed(4)}`
}
