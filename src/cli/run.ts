import { InvalidArgumentError, type Command } from 'commander'
import { shippedModel } from '../config.js'
import { readInputList, run } from '../pipeline/index.js'
import { answerWith, newCommand } from './command.js'
import { describeRunSummary } from './describe-run.js'
import { configOf, withScorerOptions, type ScorerFlags } from './scorer-options.js'

interface RunFlags extends ScorerFlags {
  out: string
  from?: string
  budgetCalls?: number
  budgetTokens?: number
  model?: string
  json?: boolean
}

function count(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('Give a whole number, 0 or more.')
  return Number(text)
}

export function runCommand(): Command {
  const command = newCommand('run', 'take repositories to packed shards and a report')
    .argument('[repo...]', 'folders, git repositories, or .tar.gz / .tgz files; nothing in them is executed')
    .option('--from <file>', 'a file with one repository a line; they follow those that are named')
    .requiredOption('--out <run>', "the run's folder; the same command again goes on where it was stopped")
    .option('--config <file>', 'JSON config; the README explains its keys')
    .option('--budget-calls <n>', 'most calls of a language model that the run may pay for, over all its starts', count)
    .option('--budget-tokens <n>', 'most tokens of such calls, prompts and answers together', count)
    .option('--model <dir>', 'config.json, tokenizer.json, model.safetensors (default: the small model that ships)')
  return withScorerOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ retrace run node_modules/zod/src --out runs/zod
  $ retrace run repos/* --config run.json --model models/llama-3-8b --out runs/first

Where a budget is spent, the run ends with what is whole; the same command with a larger one goes on.
A repository that cannot be read is left out with its reason; the run fails only where none is left. A finished
run stays as it is, whatever becomes of the repositories: for their new state, give another --out.`,
    )
    .action(async (named: string[], options: RunFlags) => {
      await answerWith(options, async (context) => {
        const repositories = [...named, ...(options.from === undefined ? [] : readInputList(options.from))]
        const config = configOf(options)
        const budget = { calls: options.budgetCalls ?? null, tokens: options.budgetTokens ?? null }
        const model = options.model ?? shippedModel()
        const summary = await run(repositories, options.out, model, config, { ...context, budget })
        return { json: summary, text: describeRunSummary(summary) }
      })
    })
}
