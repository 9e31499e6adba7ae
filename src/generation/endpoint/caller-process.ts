// The process that makes the calls of one run: started by `caller.ts`, spoken to in the words of `messages.ts`. It is
// detached, so that it outlives a run that is killed: it then begins nothing new, brings home and keeps what is on its
// way, since that is paid for, and ends.
import { setTimeout as sleep } from 'node:timers/promises'
import { findApiKey } from './api-key.js'
import { openServer } from './attempt.js'
import { makeCall, type CallTools } from './make-call.js'
import type { CallerSettings, Order, Report } from './messages.js'
import type { Clock } from './retry.js'

/** Beyond the time limit of a call: to write its answer. */
const graceMs = 10_000

const stopping = new AbortController()
const underWay = new Set<Promise<void>>()
let tools: CallTools | null = null

const clock: Clock = {
  sleep: (ms, stop) => sleep(ms, undefined, { signal: stop }).catch(() => {}),
  random: Math.random,
}

process.on('message', (message: Order) => {
  if (message.order === 'begin') tools = prepare(message.settings)
  else if (tools !== null && !stopping.signal.aborted) start(message, tools)
})
process.on('disconnect', () => {
  leave()
  endWhenIdle()
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, leave)
// The run may be gone before this line is reached, and the event with it.
if (!process.connected) leave()

function prepare(settings: CallerSettings): CallTools {
  const { baseUrl, timeoutMs } = settings
  const ask = openServer({ baseUrl, timeoutMs, apiKey: findApiKey(settings) })
  return { settings, ask, clock, stop: stopping.signal }
}

function start({ id, questions }: Extract<Order, { order: 'ask' }>, callTools: CallTools): void {
  const call = makeCall(questions, callTools).then((outcome) => {
    report({ id, outcome })
    underWay.delete(call)
    if (stopping.signal.aborted) endWhenIdle()
  })
  underWay.add(call)
}

function report(message: Report): void {
  // Without the callback, a run that was killed this instant would end this process by an error event.
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}

function leave(): void {
  if (stopping.signal.aborted) return
  stopping.abort()
  setTimeout(() => process.exit(1), (tools?.settings.timeoutMs ?? 0) + graceMs).unref()
  endWhenIdle()
}

function endWhenIdle(): void {
  if (underWay.size > 0) return
  // Not `exit` at once: reports on their way to a run that lives would be lost. `disconnect` comes back here.
  if (process.connected) process.disconnect()
  else process.exit(0)
}
