import type { Command } from 'commander'
import { reportRun } from '../pipeline/index.js'
import { answerWith } from './command.js'

export function configure(command: Command): void {
  command.argument('<run>', "a run's folder").action((folder: string, flags: { json?: boolean }) =>
    answerWith(flags, async (context) => {
      const report = await reportRun(folder, context)
      return { json: { report }, text: `${report}\n` }
    }),
  )
}
