import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { ScoringError, reviveScoringError } from '../../errors.js'
import { withoutTelemetry } from './load-onnxruntime.js'
import type { CallName, Calls, Notice, Reply, Request } from './messages.js'

interface Pending {
  resolve(answer: unknown): void
  reject(error: Error): void
}

const keptStderrChars = 2000
const stopTimeoutMs = 5000

/**
 * The child process of one scorer. Each call has a number, and its answer comes back with that number.
 *
 * It keeps this process alive only during a call, and it ends when this process does, however that happens.
 */
export class ScorerProcess {
  readonly #child: ChildProcess
  readonly #pending = new Map<number, Pending>()
  readonly #ended: Promise<void>
  #lastId = 0
  #stderr = ''
  /** Why no call can be made any more. */
  #gone: ScoringError | null = null

  constructor() {
    this.#child = fork(fileURLToPath(new URL('./child.js', import.meta.url)), {
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
      execArgv: [],
      env: { ...process.env, ...withoutTelemetry },
    })
    this.#child.on('message', (reply) => this.#receive(reply as Reply))
    this.#child.stderr?.on('data', (chunk: Buffer) => {
      this.#stderr = (this.#stderr + chunk.toString('utf8')).slice(-keptStderrChars)
    })
    this.#ended = new Promise((resolve) => {
      const end = (how: string): void => {
        this.#fail(this.#diedError(how))
        resolve()
      }
      this.#child.once('error', (error) => end(error.message))
      this.#child.once('close', (code, signal) => end(signal === null ? `exit code ${code}` : `signal ${signal}`))
    })
    this.#letGo()
  }

  call<Name extends CallName>(
    call: Name,
    input: Calls[Name]['input'],
    signal?: AbortSignal,
  ): Promise<Calls[Name]['answer']> {
    if (this.#gone !== null) return Promise.reject(this.#gone)
    if (signal?.aborted === true) return Promise.reject(abortedError())
    const id = ++this.#lastId
    return new Promise((resolve, reject) => {
      const onAbort = (): void => {
        this.#settle(id)?.reject(abortedError())
        this.#send({ call: 'abort', id })
      }
      signal?.addEventListener('abort', onAbort, { once: true })
      const forget = (): void => signal?.removeEventListener('abort', onAbort)
      this.#hold()
      this.#pending.set(id, {
        resolve: (answer) => {
          forget()
          resolve(answer as Calls[Name]['answer'])
        },
        reject: (error) => {
          forget()
          reject(error)
        },
      })
      this.#send({ id, call, input } as Request)
    })
  }

  /** Ends the process; calls under way reject with `ABORTED`. */
  async stop(): Promise<void> {
    if (this.#gone === null) {
      this.#gone = new ScoringError('BACKEND_DIED', 'The scorer was disposed. Make a new one.')
      for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(abortedError())
      this.#send({ call: 'stop' })
    }
    this.#child.ref()
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), stopTimeoutMs)
    await this.#ended
    clearTimeout(timer)
  }

  #receive(reply: Reply): void {
    const pending = this.#settle(reply.id)
    if (pending === undefined) return
    if (reply.ok) pending.resolve(reply.answer)
    else pending.reject(reviveScoringError(reply.error))
  }

  #settle(id: number): Pending | undefined {
    const pending = this.#pending.get(id)
    this.#pending.delete(id)
    if (this.#pending.size === 0) this.#letGo()
    return pending
  }

  #fail(error: ScoringError): void {
    this.#gone ??= error
    for (const id of [...this.#pending.keys()]) this.#settle(id)?.reject(error)
  }

  #send(message: Request | Notice): void {
    // A failure to send is the end of the child, which `close` reports.
    if (this.#child.connected) this.#child.send(message, () => {})
  }

  #hold(): void {
    this.#child.ref()
    this.#child.channel?.ref()
  }

  #letGo(): void {
    this.#child.unref()
    this.#child.channel?.unref()
    const stderr = this.#child.stderr as unknown as { unref?: () => void } | null
    stderr?.unref?.()
  }

  #diedError(how: string): ScoringError {
    const output = this.#stderr.trim()
    return new ScoringError(
      'BACKEND_DIED',
      `The scoring process ended (${how})${output === '' ? '' : `, saying: ${output}`}. Make a new scorer; ` +
        'if it happens again, is there enough memory?',
      { how },
    )
  }
}

function abortedError(): ScoringError {
  return new ScoringError('ABORTED', 'Scoring was aborted.')
}
