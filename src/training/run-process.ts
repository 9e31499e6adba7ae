import { spawn } from 'node:child_process'

export interface ProcessEnd {
  /** `null` where a signal ended it, or where it could not be started. */
  code: number | null
  stdout: string
  /** The last lines it said, on both streams. */
  tail: string
  /** Why it could not be started; `null` where it was. */
  startError: NodeJS.ErrnoException | null
}

export interface ProcessOptions {
  cwd?: string | undefined
  env?: NodeJS.ProcessEnv
  signal?: AbortSignal | undefined
  timeoutMs: number
  onLine?: (line: string) => void
}

const maxStdoutBytes = 1 << 20
const tailLines = 12

/** Runs a program to its end; a stop or the time limit ends it with all that it started. Never throws. */
export function runProcess(argv: readonly [string, ...string[]], options: ProcessOptions): Promise<ProcessEnd> {
  const [program, ...args] = argv
  return new Promise((resolve) => {
    // A group of its own, so that what it starts ends with it.
    const child = spawn(program, args, {
      detached: true,
      stdio: ['ignore', 'pipe', 'pipe'],
      env: options.env ?? process.env,
      cwd: options.cwd,
    })
    const end: ProcessEnd = { code: null, stdout: '', tail: '', startError: null }
    const lines: string[] = []
    const say = (line: string): void => {
      if (line.trim() === '') return
      lines.push(line.trimEnd())
      if (lines.length > tailLines) lines.shift()
      options.onLine?.(line)
    }
    const kill = (): void => killGroup(child.pid)
    const timer = setTimeout(kill, options.timeoutMs)
    options.signal?.addEventListener('abort', kill)
    if (options.signal?.aborted === true) kill()
    child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
      if (end.stdout.length < maxStdoutBytes) end.stdout += chunk
    })
    const restOf = [child.stdout, child.stderr].map((stream) => splitLines(stream, say))
    child.on('error', (error) => (end.startError = error))
    child.on('close', (code) => {
      clearTimeout(timer)
      options.signal?.removeEventListener('abort', kill)
      for (const rest of restOf) say(rest())
      resolve({ ...end, code, tail: lines.join('\n') })
    })
  })
}

/** Ends a process group at once; one that is gone is no fault. */
export function killGroup(pid: number | undefined): void {
  if (pid === undefined) return
  try {
    process.kill(-pid, 'SIGKILL')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ESRCH') throw error
  }
}

const maxLineLength = 10_000

/** Calls back for each whole line; the function that comes back gives what stands after the last line end. */
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
