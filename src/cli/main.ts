#!/usr/bin/env node
import { Command, CommanderError } from 'commander'
import { retraceVersion } from '../config.js'
import { ablateCommand } from './ablate.js'
import { exitCodes } from './command.js'
import { doctorCommand } from './doctor.js'
import { evalCommand } from './eval.js'
import { exportCommand } from './export.js'
import { groundCommand } from './ground.js'
import { importCommand } from './import.js'
import { packCommand } from './pack.js'
import { replayCommand } from './replay.js'
import { reportCommand } from './report.js'
import { runCommand } from './run.js'
import { scoreCommand } from './score.js'
import { trainCommand } from './train.js'

const program = new Command('retrace')
  .description(
    'Rebuilds the process that could have written a repository (requirements, plan, thoughts, reads, writes),\n' +
      'searches for the thoughts under which a language model finds the real code most likely, and packs the result for training.',
  )
  .version(retraceVersion())
  .showHelpAfterError('(add --help for what it takes)')

const commands = [
  runCommand,
  groundCommand,
  replayCommand,
  scoreCommand,
  evalCommand,
  packCommand,
  trainCommand,
  exportCommand,
  importCommand,
  reportCommand,
  ablateCommand,
  doctorCommand,
]
program.addHelpText('after', exitCodes)
for (const make of commands) {
  program.addCommand(make())
}
for (const command of [program, ...program.commands]) command.exitOverride()

// A reader that has seen enough, such as `head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  process.exitCode = error.exitCode === 0 ? 0 : 2
  const failure = { error: { code: 'USAGE', message: error.message.replace(/^error: /, '') } }
  if (error.exitCode !== 0 && process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(failure)}\n`)
}
