// The process that makes the calls of one run. `caller.ts` starts it, and they exchange the messages of
// `caller-messages.ts`. It is detached, so that it outlives a run that is killed: it then starts no new call, keeps the
// answers that are on their way, since they are paid for, and ends.
import { setTimeout as sleep } from 'node:timers/promises'
import { findApiKey } from './api-key.js'
import { openServer } from './attempt.js'
import type { CallerCommand, CallerReport, CallerSettings } from './caller-messages.js'
import { makeCall, type CallTools } from './make-call.js'
import type { Clock } from './retry.js'

/** Time to write the answer, beyond the time limit of a call. */
const graceMs = 10_000

const stopping = new AbortController()
const underWay = new Set<Promise<void>>()
let tools: CallTools | null = null

const clock: Clock = {
  sleep: (ms, stop) => sleep(ms, undefined, { signal: stop }).catch(() => {}),
  random: Math.random,
}

process.on('message', (message: CallerCommand) => {
  if (message.command === 'begin') tools = prepare(message.settings)
  else if (tools !== null && !stopping.signal.aborted) start(message, tools)
})
process.on('disconnect', () => {
  stop()
  endWhenIdle()
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, stop)
// The run may be gone before this line is reached, and the event with it.
if (!process.connected) stop()

function prepare(settings: CallerSettings): CallTools {
  const { baseUrl, timeoutMs } = settings
  const ask = openServer({ baseUrl, timeoutMs, apiKey: findApiKey(settings) })
  return { settings, ask, clock, stop: stopping.signal }
}

function start({ id, forms }: Extract<CallerCommand, { command: 'ask' }>, callTools: CallTools): void {
  const call = makeCall(forms, callTools).then((outcome) => {
    report({ id, outcome })
    underWay.delete(call)
    if (stopping.signal.aborted) endWhenIdle()
  })
  underWay.add(call)
}

function report(message: CallerReport): void {
  // Without the callback, a run that is killed at this moment would end this process by an error event.
  if (process.connected) process.send?.(message, undefined, undefined, () => {})
}

function stop(): void {
  if (stopping.signal.aborted) return
  stopping.abort()
  setTimeout(() => process.exit(1), (tools?.settings.timeoutMs ?? 0) + graceMs).unref()
  endWhenIdle()
}

function endWhenIdle(): void {
  if (underWay.size > 0) return
  // If the run still lives, exiting at once would lose reports on their way. The `disconnect` event comes back here.
  if (process.connected) process.disconnect()
  else process.exit(0)
}
