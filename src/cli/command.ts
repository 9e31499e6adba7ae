import { setMaxListeners } from 'node:events'
import { CoreError, RetraceError, type Progress } from '../core/index.js'
import { printable } from './printable.js'
import { terminalProgress } from './progress.js'

export interface CommandContext {
  progress: Progress
  signal: AbortSignal
}

/** What a command answers: a value for machines, its words for people, and whether the work failed after all. */
export interface Answer {
  json: unknown
  text: string
  failed?: boolean
}

/** Runs a command's work and turns what comes of it into output and an exit code: 0 done, 1 failed, 2 bad usage. */
export async function answerWith(
  options: { json?: boolean; quiet?: boolean },
  work: (context: CommandContext) => Promise<Answer>,
): Promise<void> {
  const stop = new AbortController()
  // Whatever is under way listens, and much is at once; a warning about that would stand among the answers.
  setMaxListeners(0, stop.signal)
  const onSignal = (): void => stop.abort(new CoreError('ABORTED', 'Stopped.'))
  process.once('SIGINT', onSignal).once('SIGTERM', onSignal)
  try {
    const answer = await work({ progress: terminalProgress(options.quiet === true), signal: stop.signal })
    process.stdout.write(options.json === true ? `${JSON.stringify(answer.json)}\n` : printable(answer.text))
    process.exitCode = answer.failed === true ? 1 : 0
  } catch (error) {
    process.exitCode = reportFailure(error, options.json === true)
  } finally {
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
}

function reportFailure(error: unknown, json: boolean): 1 | 2 {
  const { code, message } = describeFailure(error)
  process.stderr.write(printable(`retrace: ${message}\n`))
  if (!(error instanceof RetraceError) && code === 'UNEXPECTED' && error instanceof Error)
    process.stderr.write(`${error.stack}\n`)
  if (json) process.stdout.write(`${JSON.stringify({ error: { code, message } })}\n`)
  return error instanceof RetraceError && error.kind === 'usage' ? 2 : 1
}

function describeFailure(error: unknown): { code: string; message: string } {
  if (error instanceof RetraceError) {
    // Whoever noticed the stop first threw it; what a person needs to know is the same.
    const stopped = error.code === 'ABORTED'
    return { code: error.code, message: stopped ? 'Stopped. Run the same command again to go on.' : error.message }
  }
  const { syscall, code, message } = error as NodeJS.ErrnoException
  if (syscall !== undefined) {
    const advice = 'Check the path, its permissions and the free space.'
    return { code: code ?? 'SYSTEM', message: `${message}. ${advice}` }
  }
  return { code: 'UNEXPECTED', message: `failed unexpectedly: ${message}` }
}
