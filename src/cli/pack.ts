import type { Command } from 'commander'
import { packingChanges } from '../config.js'
import { packRun } from '../pipeline/index.js'
import { answerWith, newCommand } from './command.js'
import { describeRunSummary } from './describe-run.js'

export function packCommand(): Command {
  return newCommand('pack', 'pack the trajectories of a run again, with other options where they are given')
    .argument('<run>', "a run's folder")
    .option('--config <file>', 'JSON config, whose "packing" keys replace those of the run, one by one')
    .action(async (folder: string, options: { config?: string; json?: boolean }) => {
      await answerWith(options, async (context) => {
        const changes = options.config === undefined ? null : packingChanges(options.config)
        const summary = await packRun(folder, changes, context)
        return { json: summary, text: describeRunSummary(summary) }
      })
    })
}
