import { spawn } from 'node:child_process'
import { killGroup } from './kill-group.js'
import { startWatchdog } from './watchdog.js'

export interface ProcessEnd {
  /** `null` where a signal ended it or it could not be started. */
  code: number | null
  stdout: string
  /** The last lines of both output streams. */
  tail: string
  /** Why it could not be started, or `null`. */
  startError: NodeJS.ErrnoException | null
}

interface ProcessOptions {
  cwd?: string | undefined
  env?: NodeJS.ProcessEnv
  signal?: AbortSignal | undefined
  timeoutMs: number
  onLine?: (line: string) => void
}

const maxStdoutBytes = 1 << 20
const tailLines = 12

/**
 * Runs a program to its end. The signal, the time limit or the death of this process ends it and all that it started.
 * Never throws.
 */
export function runProcess(argv: readonly [string, ...string[]], options: ProcessOptions): Promise<ProcessEnd> {
  const [program, ...args] = argv
  return new Promise((resolve) => {
    // In a process group of its own, so that its children can be ended with it.
    const child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: options.env ?? process.env,
      cwd: options.cwd,
    })
    const end: ProcessEnd = { code: null, stdout: '', tail: '', startError: null }
    const lines: string[] = []
    const addLine = (line: string): void => {
      if (line.trim() === '') return
      lines.push(line.trimEnd())
      if (lines.length > tailLines) lines.shift()
      options.onLine?.(line)
    }
    const kill = (): void => killGroup(child.pid)
    // dash knows the option only when it is written like this.
    const stopWatchdog = child.pid === undefined ? () => {} : startWatchdog('kill -s KILL -- "-$1"', String(child.pid))
    const timer = setTimeout(kill, options.timeoutMs)
    options.signal?.addEventListener('abort', kill)
    if (options.signal?.aborted === true) kill()
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      if (end.stdout.length < maxStdoutBytes) end.stdout += chunk
    })
    const flushes = [child.stdout, child.stderr].map((stream) => splitLines(stream, addLine))
    child.on('error', (error) => (end.startError = error))
    child.on('close', (code) => {
      clearTimeout(timer)
      stopWatchdog()
      options.signal?.removeEventListener('abort', kill)
      for (const flush of flushes) addLine(flush())
      resolve({ ...end, code, tail: lines.join('\n') })
    })
  })
}

const maxLineLength = 10_000

/** Calls `onLine` for each complete line; the returned function gives the text after the last line end. */
function splitLines(stream: NodeJS.ReadableStream, onLine: (line: string) => void): () => string {
  let rest = ''
  stream.setEncoding('utf8')
  stream.on('data', (chunk) => {
    const lines = (rest + String(chunk)).split(/[\r\n]/)
    rest = (lines.pop() ?? '').slice(-maxLineLength)
    for (const line of lines) onLine(line)
  })
  return () => rest
}
