import type { Command } from 'commander'
import { replayRun } from '../pipeline/index.js'
import { answerWith, newCommand } from './command.js'

export function replayCommand(): Command {
  return newCommand(
    'replay',
    "run every trajectory of a run in an empty folder and compare with the repository's files",
  )
    .argument('<run>', "a run's folder")
    .addHelpText('after', '\nIt fails where a trajectory does not end in exactly its repository.')
    .action(async (folder: string, options: { json?: boolean }) => {
      await answerWith(options, async () => {
        const results = await replayRun(folder)
        const failed = results.filter((one) => one.failure !== null)
        const lines = results.map(({ id, result, failure }) =>
          result === null
            ? `FAILED  ${id}: ${failure}`
            : `ok      ${id}: ${result.files} files, ${result.bytes} bytes by ${result.writes} writes and ${result.edits} edits, ${result.reads} reads as on disk, ${result.checks} checks as recorded`,
        )
        const text = [
          ...lines,
          `${results.length - failed.length} of ${results.length} trajectories replay byte for byte`,
          '',
        ].join('\n')
        return { json: results, text, failed: failed.length > 0 || results.length === 0 }
      })
    })
}
