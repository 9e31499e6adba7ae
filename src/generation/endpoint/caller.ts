import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { CallOutcome, CallerCommand, CallerReport, CallerSettings } from './caller-messages.js'
import type { RequestForm } from './request-body.js'

/**
 * The process that makes the calls of one client. The first call starts it; requests go out and outcomes come back under
 * a number.
 *
 * It keeps this process alive only while an outcome is awaited. When this process ends, it lives on until its calls are
 * done. If it ends first, the calls under way are `stopped`, and the next call starts another process.
 */
export class Caller {
  readonly #settings: CallerSettings
  readonly #pending = new Map<number, (outcome: CallOutcome) => void>()
  #child: ChildProcess | null = null
  #lastId = 0

  constructor(settings: CallerSettings) {
    this.#settings = settings
  }

  ask(forms: readonly RequestForm[]): Promise<CallOutcome> {
    const child = (this.#child ??= this.#start())
    const id = ++this.#lastId
    return new Promise((resolve) => {
      this.#pending.set(id, resolve)
      child.channel?.ref()
      send(child, { command: 'ask', id, forms })
    })
  }

  /** Disconnects the process: it finishes its calls and ends. For this client, its calls under way are `stopped`. */
  disconnect(): void {
    const child = this.#child
    this.#child = null
    if (child?.connected === true) child.disconnect()
    this.#stopPending()
  }

  #start(): ChildProcess {
    const child = fork(fileURLToPath(new URL('./caller-process.js', import.meta.url)), {
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      execArgv: [],
    })
    child.on('message', (report: CallerReport) => this.#settle(child, report))
    // The channel ends after the last message, however the process ended; `exit` may come before that message.
    child.once('disconnect', () => this.#forget(child))
    child.once('error', () => this.#forget(child))
    child.unref()
    child.channel?.unref()
    send(child, { command: 'begin', settings: this.#settings })
    return child
  }

  #settle(child: ChildProcess, { id, outcome }: CallerReport): void {
    this.#pending.get(id)?.(outcome)
    this.#pending.delete(id)
    if (this.#pending.size === 0) child.channel?.unref()
  }

  #forget(child: ChildProcess): void {
    if (this.#child !== child) return
    this.#child = null
    this.#stopPending()
  }

  #stopPending(): void {
    const resolvers = [...this.#pending.values()]
    this.#pending.clear()
    for (const resolve of resolvers) resolve({ kind: 'stopped', failures: {} })
  }
}

function send(child: ChildProcess, command: CallerCommand): void {
  // A failure to send means that the process ended, which the `disconnect` event reports.
  if (child.connected) child.send(command, () => {})
}
