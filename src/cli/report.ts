import type { Command } from 'commander'
import { reportRun } from '../pipeline/index.js'
import { answerWith, newCommand } from './command.js'

export function reportCommand(): Command {
  return newCommand('report', "write a run's report.html again")
    .argument('<run>', "a run's folder")
    .action(async (folder: string, options: { json?: boolean }) => {
      await answerWith(options, async (context) => {
        const report = await reportRun(folder, context)
        return { json: { report }, text: `${report}\n` }
      })
    })
}
