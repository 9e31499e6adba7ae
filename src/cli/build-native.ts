import type { Command } from 'commander'
import { buildNative } from '../pipeline/index.js'
import { answerWith } from './command.js'

const where = `
It is built in build/native of a checkout, and in the user's cache (XDG_CACHE_HOME, ~/.cache) where the package is
installed or cannot be written to. It takes CMake 3.18 and a C++17 compiler, and some minutes.`

export function configure(command: Command): void {
  command
    .argument('[cmake...]', 'arguments for CMake, behind --, such as -- -DCUDA_HOME=/opt/cuda')
    .addHelpText('after', where)
    .action((cmakeArguments: string[], flags: { json?: boolean; quiet?: boolean }) =>
      answerWith(flags, async ({ progress, signal }) => {
        progress.detail('Building the native engine, which takes some minutes ...')
        const { folder, report } = await buildNative(cmakeArguments, signal)
        return { json: { folder }, text: report }
      }),
    )
}
