import { fork, type ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { CallerSettings, Order, Outcome, Report } from './messages.js'
import type { Question } from './request-body.js'

/**
 * The process that makes one client's calls, started by the first of them: questions go out by number and outcomes come
 * back.
 *
 * It keeps this process alive only while an outcome is awaited, and lives on by itself for what is on its way when this
 * one ends. Where it ends first, what was asked of it is `stopped`, and the next question starts another.
 */
export class Caller {
  private child: ChildProcess | null = null
  private readonly pending = new Map<number, (outcome: Outcome) => void>()
  private lastId = 0

  constructor(private readonly settings: CallerSettings) {}

  ask(questions: readonly Question[]): Promise<Outcome> {
    const child = (this.child ??= this.start())
    const id = ++this.lastId
    return new Promise((resolve) => {
      this.pending.set(id, resolve)
      child.channel?.ref()
      this.send(child, { order: 'ask', id, questions })
    })
  }

  /** Lets the process go: it finishes what is on its way, and ends. What was asked of it is `stopped`. */
  letGo(): void {
    const { child } = this
    this.child = null
    if (child?.connected === true) child.disconnect()
    this.stopPending()
  }

  private start(): ChildProcess {
    const child = fork(fileURLToPath(new URL('./caller-process.js', import.meta.url)), {
      detached: true,
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
      execArgv: [],
    })
    child.on('message', (report: Report) => this.settle(child, report))
    // The channel ends after the last message, however the process did; `exit` may come before it.
    child.once('disconnect', () => this.forget(child))
    child.once('error', () => this.forget(child))
    child.unref()
    child.channel?.unref()
    this.send(child, { order: 'begin', settings: this.settings })
    return child
  }

  private settle(child: ChildProcess, { id, outcome }: Report): void {
    this.pending.get(id)?.(outcome)
    this.pending.delete(id)
    if (this.pending.size === 0) child.channel?.unref()
  }

  private forget(child: ChildProcess): void {
    if (this.child !== child) return
    this.child = null
    this.stopPending()
  }

  private stopPending(): void {
    const resolvers = [...this.pending.values()]
    this.pending.clear()
    for (const resolve of resolvers) resolve({ kind: 'stopped', failures: {} })
  }

  private send(child: ChildProcess, order: Order): void {
    // A failure to send is the end of the process, which `disconnect` reports.
    if (child.connected) child.send(order, () => {})
  }
}
