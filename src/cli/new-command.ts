import { Command } from 'commander'

export const exitCodes = '\nExit codes: 0 done, 1 failed, 2 bad usage or config.'

/** A command with the options that all of them have. */
export function newCommand(name: string, summary: string): Command {
  return new Command(name)
    .description(summary)
    .option('--json', 'print one JSON value on standard output, for programs')
    .option('--quiet', 'show no progress')
    .addHelpText('afterAll', exitCodes)
}
