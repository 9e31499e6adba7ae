import type { Command } from 'commander'
import { buildNative } from '../pipeline/index.js'
import { answerWith, newCommand } from './command.js'

export function buildNativeCommand(): Command {
  return newCommand('build-native', 'build the native engine on this machine, for its GPU too where there is an nvcc')
    .argument('[cmake...]', 'arguments for CMake, behind --, such as -- -DCUDA_HOME=/opt/cuda')
    .addHelpText(
      'after',
      '\nIt is built in build/native of a checkout, and in the cache of the user (XDG_CACHE_HOME, ~/.cache) where the package\n' +
        'is installed or cannot be written to. It takes CMake 3.18 and a C++17 compiler, and some minutes.',
    )
    .action(async (cmakeArguments: string[], options: { json?: boolean; quiet?: boolean }) => {
      await answerWith(options, async ({ progress, signal }) => {
        progress.detail('Building the native engine, which takes some minutes ...')
        const { folder, report } = await buildNative(cmakeArguments, signal)
        return { json: { folder }, text: report }
      })
    })
}
