import { CommanderError } from 'commander'
import { createProgram } from './program.js'

// A reader that has seen enough, such as `head`, is no failure.
process.stdout.on('error', (error: NodeJS.ErrnoException) => process.exit(error.code === 'EPIPE' ? 0 : 1))

const [first, second] = process.argv.slice(2)
const wanted = first === 'help' ? second : first
const program = await createProgram((name) => name === wanted)

try {
  await program.parseAsync()
} catch (error) {
  if (!(error instanceof CommanderError)) throw error
  process.exitCode = error.exitCode === 0 ? 0 : 2
  const failure = { error: { code: 'USAGE', message: error.message.replace(/^error: /, '') } }
  if (error.exitCode !== 0 && process.argv.includes('--json')) process.stdout.write(`${JSON.stringify(failure)}\n`)
}
