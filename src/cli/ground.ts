import type { Command } from 'commander'
import { loadRunConfig } from '../config.js'
import { groundOnly } from '../pipeline/index.js'
import { answerWith } from './command.js'
import { describeSnapshot } from './describe-snapshot.js'

export function configure(command: Command): void {
  command
    .argument('<repo>', 'a folder, a git repository (its commit, or that of repo@revision), or a .tar.gz / .tgz file')
    .option('--config <file>', 'JSON config, of which the key "grounding" is used')
    .addHelpText('after', '\nWith --json the whole snapshot is printed, outlines with byte ranges included.')
    .action((repository: string, flags: { config?: string; json?: boolean }) =>
      answerWith(flags, async (context) => {
        const snapshot = await groundOnly(repository, loadRunConfig(flags.config), context)
        return { json: snapshot, text: describeSnapshot(snapshot) }
      }),
    )
}
