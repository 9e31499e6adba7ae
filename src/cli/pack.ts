import type { Command } from 'commander'
import { packingChanges } from '../config.js'
import { packRun } from '../pipeline/index.js'
import { answerWith } from './command.js'
import { describeRunSummary } from './describe-run.js'

export function configure(command: Command): void {
  command
    .argument('<run>', "a run's folder")
    .option('--config <file>', 'JSON config, whose "packing" keys replace those of the run, one by one')
    .action((folder: string, flags: { config?: string; json?: boolean }) =>
      answerWith(flags, async (context) => {
        const changes = flags.config === undefined ? null : packingChanges(flags.config)
        const summary = await packRun(folder, changes, context)
        return { json: summary, text: describeRunSummary(summary) }
      }),
    )
}
