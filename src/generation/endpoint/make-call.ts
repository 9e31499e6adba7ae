import { digestOf, toWireError } from '../../core/index.js'
import { GenerationError, type GenerationErrorCode } from '../errors.js'
import type { Attempt } from './attempt.js'
import { CallCache, lockTouchMs, type KeyLock } from './call-cache.js'
import type { CallOutcome, CallerSettings } from './caller-messages.js'
import type { Failure } from './failure.js'
import { FormatMemory } from './format-memory.js'
import type { RequestBody, RequestForm } from './request-body.js'
import { askUntilAnswered, type AskResult, type Clock } from './retry.js'

export interface CallTools {
  settings: CallerSettings
  ask(body: RequestBody): Promise<Attempt>
  clock: Clock
  /** Once it is aborted, no new attempt begins; attempts under way end by themselves. */
  stop: AbortSignal
}

/** Gets one answer and keeps it before it is reported: asks in the first form that the server accepts, and remembers it. */
export async function makeCall(forms: readonly RequestForm[], tools: CallTools): Promise<CallOutcome> {
  const failures: Record<string, number> = {}
  try {
    for (const [index, form] of forms.entries()) {
      const outcome = await askInForm(form, tools)
      for (const [kind, times] of Object.entries(outcome.failures)) failures[kind] = (failures[kind] ?? 0) + times
      if (isFormRefused(outcome) && index < forms.length - 1) continue
      if (outcome.kind === 'answered' && index > 0)
        new FormatMemory(tools.settings.cacheDir, tools.settings).remember(form.format)
      return { ...outcome, failures }
    }
    return { kind: 'stopped', failures }
  } catch (cause) {
    const { cacheDir } = tools.settings
    const why = cause instanceof Error ? cause.message : String(cause)
    const message = `A call could not be made, or not kept in ${cacheDir}: ${why}. Is there room on the disk? The same command again goes on from here.`
    // The answer may have come and not been kept, so it has to count as paid.
    return { kind: 'failed', error: toWireError(new GenerationError('CALLS_BROKEN', message)), isPaid: true, failures }
  }
}

async function askInForm({ format, body }: RequestForm, tools: CallTools): Promise<CallOutcome> {
  const cache = new CallCache(tools.settings.cacheDir)
  const key = digestOf(body)
  const lock = cache.lock(key)
  if (lock === null) return { kind: 'held', key, failures: {} }
  try {
    // The previous holder of the lock may have kept the answer after the run looked for it.
    if (cache.read(key) !== null) return { kind: 'answered', key, format, paid: false, failures: {} }
    const result = await askUnderLock(lock, () => tools.ask(body), tools)
    if (result.kind === 'stopped') return result
    if (result.kind === 'failed') return failedOutcome(result, tools.settings)
    const { response, answer } = result.attempt
    cache.write({ schemaVersion: 1, key, request: body, response, ...answer })
    return { kind: 'answered', key, format, paid: true, failures: result.failures }
  } finally {
    lock.release()
  }
}

async function askUnderLock(lock: KeyLock, ask: () => Promise<Attempt>, tools: CallTools): Promise<AskResult> {
  const timer = setInterval(() => lock.touch(), lockTouchMs)
  try {
    return await askUntilAnswered(ask, tools.settings, tools.clock, tools.stop)
  } finally {
    clearInterval(timer)
  }
}

function failedOutcome(result: Extract<AskResult, { kind: 'failed' }>, settings: CallerSettings): CallOutcome {
  const { failure, attempts, failures } = result
  const error = toWireError(errorOf(failure, attempts, settings))
  return { kind: 'failed', error, isPaid: failure.kind === 'empty', failures }
}

/** Whether the server may accept the request in a weaker form: the forms differ only in the format of the answer. */
function isFormRefused(outcome: CallOutcome): boolean {
  if (outcome.kind !== 'failed' || outcome.error.code !== 'REQUEST_REFUSED') return false
  const { kind } = outcome.error.details
  return kind === '400' || kind === '422'
}

const nextSteps: Partial<Record<GenerationErrorCode, (settings: CallerSettings) => string>> = {
  ENDPOINT_UNREACHABLE: () => 'Is it running, and is this its address? The same command again goes on from here.',
  ENDPOINT_REFUSED: ({ model, apiKeyEnv }) =>
    `Check baseUrl (most end in /v1), the model "${model}" and the key in ${apiKeyEnv}.`,
  CONTEXT_TOO_LONG: () => 'Show less of the repository, or serve the model with a longer context.',
  REQUEST_REFUSED: () => "This call has no answer; the server's log may say more.",
  ANSWER_EMPTY: () => 'If the model thinks before it answers, allow it more tokens.',
}

const timeoutStep = ({ timeoutMs }: CallerSettings): string =>
  `It had ${timeoutMs} ms: raise timeoutMs, ask for fewer tokens, or lower concurrency where the server queues. The same command again goes on from here.`

function errorOf({ code, message, kind }: Failure, attempts: number, settings: CallerSettings): GenerationError {
  const { baseUrl, model } = settings
  const times = attempts === 1 ? 'once' : `${attempts} times`
  const next = kind === 'timeout' ? timeoutStep(settings) : (nextSteps[code]?.(settings) ?? '')
  const text = `${baseUrl} was asked ${times}; the last time ${message}. ${next}`
  return new GenerationError(code, text.trim(), { baseUrl, model, kind, attempts })
}
