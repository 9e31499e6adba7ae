import { createRequire } from 'node:module'
import { Command } from 'commander'
import { commandTable } from './command-table.js'
import { exitCodes, newCommand } from './new-command.js'

const description = `Rebuilds the process that could have written a repository (requirements, plan, thoughts, reads, writes),
searches for the thoughts under which a language model finds the real code most likely, and packs the result for training.`

/** The command line. Only commands that `isWanted` names are loaded; the others are there for the help's list. */
export async function createProgram(isWanted: (name: string) => boolean): Promise<Command> {
  const program = new Command('retrace')
    .description(description)
    .version(packageVersion())
    .configureHelp({ subcommandTerm: (command) => command.name() })
    .addHelpText('after', exitCodes)
  for (const { name, summary, load } of commandTable) {
    const command = newCommand(name, summary)
    if (isWanted(name)) (await load()).configure(command)
    program.addCommand(command)
  }
  for (const command of [program, ...program.commands]) command.exitOverride().configureOutput({ outputError })
  return program
}

/** A usage error in one line: commander puts the name that was perhaps meant on a second one. */
function outputError(text: string, write: (text: string) => void): void {
  write(`${text.trim().replaceAll('\n', ' ')}; add --help for what it takes\n`)
}

/** Read from package.json by the package's own name: `config.js` knows it too, and would load every room. */
function packageVersion(): string {
  const manifest = createRequire(import.meta.url)('retrace-cpt/package.json') as { version: string }
  return manifest.version
}
