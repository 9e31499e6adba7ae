import { digestOf, toWireError } from '../../core/index.js'
import { GenerationError, type GenerationErrorCode } from '../errors.js'
import type { Attempt } from './attempt.js'
import { CallCache, FormatMemory, lockBeatMs, type HeldKey } from './call-cache.js'
import type { Failure } from './failure.js'
import type { CallerSettings, Outcome } from './messages.js'
import type { Question, RequestBody } from './request-body.js'
import { askUntilAnswered, type Asked, type Clock } from './retry.js'

export interface CallTools {
  settings: CallerSettings
  ask(body: RequestBody): Promise<Attempt>
  clock: Clock
  /** Aborted: nothing new is begun, what is on its way comes home. */
  stop: AbortSignal
}

/** One answer, kept before it is reported: asks in the first form that the server takes, and remembers which. */
export async function makeCall(questions: readonly Question[], tools: CallTools): Promise<Outcome> {
  const failures: Record<string, number> = {}
  try {
    for (const [index, question] of questions.entries()) {
      const outcome = await askQuestion(question, tools)
      for (const [kind, times] of Object.entries(outcome.failures)) failures[kind] = (failures[kind] ?? 0) + times
      if (isFormRefused(outcome) && index < questions.length - 1) continue
      if (outcome.kind === 'answered' && index > 0)
        new FormatMemory(tools.settings.cacheDir, tools.settings).remember(question.format)
      return { ...outcome, failures }
    }
    return { kind: 'stopped', failures }
  } catch (cause) {
    const { cacheDir } = tools.settings
    const why = cause instanceof Error ? cause.message : String(cause)
    const message = `A call could not be made, or not kept in ${cacheDir}: ${why}. Is there room on the disk? The same command again goes on from here.`
    // Perhaps the answer came and could not be kept: a budget has to take it for paid.
    return { kind: 'failed', error: toWireError(new GenerationError('CALLS_BROKEN', message)), isPaid: true, failures }
  }
}

async function askQuestion({ format, body }: Question, tools: CallTools): Promise<Outcome> {
  const cache = new CallCache(tools.settings.cacheDir)
  const key = digestOf(body)
  const held = cache.take(key)
  if (held === null) return { kind: 'held', key, failures: {} }
  try {
    // Who held it before may have brought it home since the run looked.
    if (cache.read(key) !== null) return { kind: 'answered', key, format, paid: false, failures: {} }
    const asked = await askWhileHolding(held, () => tools.ask(body), tools)
    if (asked.kind === 'stopped') return asked
    if (asked.kind === 'failed') return failedOutcome(asked, tools.settings)
    const { response, answer } = asked.attempt
    cache.write({ schemaVersion: 1, key, request: body, response, ...answer })
    return { kind: 'answered', key, format, paid: true, failures: asked.failures }
  } finally {
    held.letGo()
  }
}

async function askWhileHolding(held: HeldKey, ask: () => Promise<Attempt>, tools: CallTools): Promise<Asked> {
  const beat = setInterval(() => held.touch(), lockBeatMs)
  try {
    return await askUntilAnswered(ask, tools.settings, tools.clock, tools.stop)
  } finally {
    clearInterval(beat)
  }
}

function failedOutcome(asked: Extract<Asked, { kind: 'failed' }>, settings: CallerSettings): Outcome {
  const { failure, attempts, failures } = asked
  const error = toWireError(errorOf(failure, attempts, settings))
  return { kind: 'failed', error, isPaid: failure.kind === 'empty', failures }
}

/** Whether the server may take the request in a weaker form: how an answer is asked for is all that differs. */
function isFormRefused(outcome: Outcome): boolean {
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

function errorOf({ code, says, kind }: Failure, attempts: number, settings: CallerSettings): GenerationError {
  const times = attempts === 1 ? 'once' : `${attempts} times`
  const next = kind === 'timeout' ? timeoutStep(settings) : (nextSteps[code]?.(settings) ?? '')
  const message = `${settings.baseUrl} was asked ${times}; the last time ${says}. ${next}`
  return new GenerationError(code, message.trim(), { baseUrl: settings.baseUrl, model: settings.model, kind, attempts })
}
