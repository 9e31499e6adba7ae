import type { Command } from 'commander'
import { loadRunConfig } from '../config.js'
import { packRun } from '../pipeline/index.js'
import { answerWith, newCommand } from './command.js'
import { describeRunSummary } from './describe-run.js'

export function packCommand(): Command {
  return newCommand('pack', 'pack the trajectories of a run again, with other options where they are given')
    .argument('<run>', "a run's folder")
    .option('--config <file>', 'JSON config, of which the key "packing" is used (default: as the run was packed)')
    .action(async (folder: string, options: { config?: string; json?: boolean }) => {
      await answerWith(options, async (context) => {
        const packing = options.config === undefined ? null : loadRunConfig(options.config).packing
        const summary = await packRun(folder, packing, context)
        return { json: summary, text: describeRunSummary(summary) }
      })
    })
}
