import type { Command } from 'commander'
import { replayRun } from '../pipeline/index.js'
import { answerWith } from './command.js'
import { counted } from './counted.js'

type Replay = Awaited<ReturnType<typeof replayRun>>[number]

export function configure(command: Command): void {
  command
    .argument('<run>', "a run's folder")
    .addHelpText('after', '\nIt fails where a trajectory does not end in exactly its repository.')
    .action((folder: string, flags: { json?: boolean }) =>
      answerWith(flags, async () => {
        const replays = await replayRun(folder)
        const failures = replays.filter(({ failure }) => failure !== null)
        const total = counted(replays.length, 'trajectories')
        const summary = `${replays.length - failures.length} of ${total} replay byte for byte`
        return {
          json: replays,
          text: [...replays.map(describeReplay), summary, ''].join('\n'),
          failed: failures.length > 0 || replays.length === 0,
        }
      }),
    )
}

function describeReplay({ id, result, failure }: Replay): string {
  if (result === null) return `FAILED  ${id}: ${failure}`
  const { files, bytes, writes, edits, reads, checks } = result
  return (
    `ok      ${id}: ${counted(files, 'files')}, ${counted(bytes, 'bytes')} by ${counted(writes, 'writes')} and ` +
    `${counted(edits, 'edits')}, ${counted(reads, 'reads')} as on disk, ${counted(checks, 'checks')} as recorded`
  )
}
