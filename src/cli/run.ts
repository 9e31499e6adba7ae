import type { Command } from 'commander'
import { shippedModel } from '../config.js'
import { run } from '../pipeline/index.js'
import { answerWith, newCommand } from './command.js'
import { describeRunSummary } from './describe-run.js'
import { configOf, withScorerOptions, type ScorerFlags } from './scorer-options.js'

export function runCommand(): Command {
  const command = newCommand('run', 'take repositories to packed shards and a report')
    .argument('<repo...>', 'folders, or .tar.gz / .tgz files; nothing in them is executed')
    .requiredOption('--out <run>', "the run's folder; the same command again goes on where it was stopped")
    .option('--config <file>', 'JSON config; the README explains its keys')
    .option('--model <dir>', 'config.json, tokenizer.json, model.safetensors (default: the small model that ships)')
  return withScorerOptions(command)
    .addHelpText(
      'after',
      `
Examples:
  $ retrace run node_modules/zod/src --out runs/zod
  $ retrace run repos/* --config run.json --model models/llama-3-8b --out runs/first

A repository that cannot be read is left out with its reason; the run fails only where none is left. A finished
run stays as it is, whatever becomes of the repositories: for their new state, give another --out.`,
    )
    .action(async (repositories: string[], options: ScorerFlags & { out: string; model?: string; json?: boolean }) => {
      await answerWith(options, async (context) => {
        const config = configOf(options)
        const summary = await run(repositories, options.out, options.model ?? shippedModel(), config, context)
        return { json: summary, text: describeRunSummary(summary) }
      })
    })
}
