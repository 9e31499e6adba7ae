import type { Command } from 'commander'
import { shippedModel } from '../config.js'
import { readInputList, run } from '../pipeline/index.js'
import { answerWith } from './command.js'
import { describeRunSummary } from './describe-run.js'
import { addRepositories, wholeNumber } from './options.js'
import { addScorerOptions, configOf, type ScorerFlags } from './scorer-options.js'

interface RunFlags extends ScorerFlags {
  out: string
  from?: string
  search: boolean
  budgetCalls?: number
  budgetTokens?: number
  model?: string
  json?: boolean
}

const examples = `
Examples:
  $ retrace run node_modules/zod/src --out runs/zod
  $ retrace run repos/* --config run.json --model models/llama-3-8b --out runs/first

Where a budget is spent, the run ends with what is whole; the same command with a larger one goes on.
A repository that cannot be read is left out with its reason; the run fails only where none is left. A finished
run stays as it is, whatever becomes of the repositories: for their new state, give another --out.`

export function configure(command: Command): void {
  addRepositories(command)
    .requiredOption('--out <run>', "the run's folder; the same command again goes on where it was stopped")
    .option('--config <file>', 'JSON config; docs/config.md explains its keys')
    .option('--no-search', 'keep the thoughts as they were written first; needs no scorer, and is by far the fastest')
    .option(
      '--budget-calls <n>',
      'most calls of a language model that the run may pay for, over all its starts',
      wholeNumber(0),
    )
    .option('--budget-tokens <n>', 'most tokens of such calls, prompts and answers together', wholeNumber(0))
    .option('--model <dir>', 'config.json, tokenizer.json, model.safetensors (default: the small model that ships)')
  addScorerOptions(command)
    .addHelpText('after', examples)
    .action((named: string[], flags: RunFlags) =>
      answerWith(flags, async (context) => {
        const repositories = [...named, ...(flags.from === undefined ? [] : readInputList(flags.from))]
        const config = configOf(flags)
        const budget = { calls: flags.budgetCalls ?? null, tokens: flags.budgetTokens ?? null }
        const summary = await run(
          repositories,
          flags.out,
          flags.model ?? shippedModel(),
          flags.search ? config : { ...config, search: false },
          { ...context, budget },
        )
        return { json: summary, text: describeRunSummary(summary) }
      }),
    )
}
