import { setMaxListeners } from 'node:events'
import { mkdirSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import {
  CoreError,
  canonicalJson,
  digestOf,
  fromWireError,
  isErrorCode,
  type RetraceError,
  type WireError,
} from '../../core/index.js'
import type { Call } from '../../records/index.js'
import type { CallPurpose, Completion, CompletionClient, CompletionRequest } from '../completion.js'
import type { GenerationContext } from '../context.js'
import { GenerationError, generationErrors } from '../errors.js'
import { findApiKey } from './api-key.js'
import { BudgetMeter } from './budget-meter.js'
import { CallCache } from './call-cache.js'
import { CallSlots } from './call-slots.js'
import type { CallOutcome } from './caller-messages.js'
import { Caller } from './caller.js'
import { FormatMemory } from './format-memory.js'
import { cacheFolder, formatsOf, type AnswerFormat, type EndpointOptions } from './options.js'
import { isEmpty } from './read-answer.js'
import { requestBody, type RequestForm } from './request-body.js'

/** A caller process that ends this often during one call does not end by chance. */
const maxStops = 3
/** A server that refused so many calls and answered none refuses them all: most often it does not have the model. */
const minRefusals = 3
const firstPollMs = 20
const maxPollMs = 500

/**
 * A client of any server with OpenAI's interface. It asks for each completion once, whoever needs it, however often, and
 * whatever is killed: all runs share a cache of answers, and a separate process finishes the calls that are under way.
 *
 * @throws GenerationError `API_KEY_MISSING`, CoreError `CONFIG_INVALID` if the folder of the cache cannot be made
 */
export function createEndpointClient(options: EndpointOptions, context: GenerationContext): CompletionClient {
  findApiKey(options)
  const cacheDir = resolve(cacheFolder(options))
  try {
    mkdirSync(cacheDir, { recursive: true })
  } catch (cause) {
    const message = `The folder of the call cache, ${cacheDir}, cannot be made: ${(cause as Error).message}. Set cacheDir.`
    throw new CoreError('CONFIG_INVALID', message, { cacheDir }, { cause })
  }
  return new EndpointClient(options, cacheDir, context)
}

class EndpointClient implements CompletionClient {
  readonly #options: EndpointOptions
  readonly #context: GenerationContext
  readonly #cache: CallCache
  readonly #caller: Caller
  readonly #slots: CallSlots
  readonly #budget: BudgetMeter
  readonly #closing = new AbortController()
  /** Requests under way, by the key of their strongest form. */
  readonly #underWay = new Map<string, Promise<Completion>>()
  /** Keys of the calls that the ledger has. */
  readonly #reportedKeys = new Set<string>()
  /** The format that the server accepts; `null` until it is known. */
  #acceptedFormat: AnswerFormat | null
  #hasAnswered = false
  #refusals = 0
  /** Why no call can be made any more, or no answer kept. */
  #fatalError: Error | null = null
  readonly #close = (): void => {
    this.#closing.abort()
    this.#caller.disconnect()
  }

  constructor(options: EndpointOptions, cacheDir: string, context: GenerationContext) {
    const { baseUrl, model, apiKeyEnv, timeoutMs, maxAttempts, maxRetryWaitMs } = options
    this.#options = options
    this.#context = context
    this.#cache = new CallCache(cacheDir)
    this.#caller = new Caller({ baseUrl, model, apiKeyEnv, timeoutMs, maxAttempts, maxRetryWaitMs, cacheDir })
    this.#slots = new CallSlots(options.concurrency)
    this.#budget = new BudgetMeter(context.budget)
    this.#acceptedFormat = new FormatMemory(cacheDir, options).recall()
    // Each waiting call adds a listener.
    setMaxListeners(0, this.#closing.signal)
    if (context.signal?.aborted === true) this.#close()
    else context.signal?.addEventListener('abort', this.#close, { once: true })
  }

  complete(request: CompletionRequest, purpose: CallPurpose): Promise<Completion> {
    const forms = this.#formsOf(request)
    const strongestKey = forms[0]!.key
    let completion = this.#underWay.get(strongestKey)
    if (completion === undefined) {
      completion = this.#find(forms, purpose).finally(() => this.#underWay.delete(strongestKey))
      this.#underWay.set(strongestKey, completion)
    }
    return untilAborted(completion, this.#closing.signal)
  }

  dispose(): Promise<void> {
    this.#context.signal?.removeEventListener('abort', this.#close)
    this.#close()
    return Promise.resolve()
  }

  /** Every form of this request, the strongest first. */
  #formsOf(request: CompletionRequest): KeyedForm[] {
    const formats = request.answer === null ? (['none'] as const) : formatsOf(this.#options)
    return formats.map((format) => {
      const body = requestBody(request, this.#options, format)
      return { format, body, key: digestOf(body) }
    })
  }

  /** Looks in the cache, waits for another process that makes the same call, or makes it; again until it has an answer. */
  async #find(forms: readonly KeyedForm[], purpose: CallPurpose): Promise<Completion> {
    const failures: Record<string, number> = {}
    for (let stops = 0, wait = firstPollMs; !this.#closing.signal.aborted;) {
      // Any form counts: the answer may be older than what was learned about the formats that the server accepts.
      const cached = firstCall(forms, this.#cache)
      if (cached !== null) return this.#deliver(cached, { paid: false, failures }, purpose)
      const isLocked = forms.some(({ key }) => this.#cache.isLocked(key))
      const outcome = isLocked ? null : await this.#askInTurn(forms)
      for (const [kind, times] of Object.entries(outcome?.failures ?? {}))
        failures[kind] = (failures[kind] ?? 0) + times
      if (outcome?.kind === 'answered')
        return this.#deliver(this.#readNew(outcome.key), { paid: outcome.paid, failures }, purpose)
      if (outcome?.kind === 'failed') throw this.#errorOf(outcome.error)
      if (outcome?.kind === 'stopped' && ++stops >= maxStops) throw (this.#fatalError ??= callerDied())
      await sleep(wait, undefined, { signal: this.#closing.signal })
      wait = Math.min(2 * wait, maxPollMs)
    }
    throw aborted()
  }

  async #askInTurn(forms: readonly KeyedForm[]): Promise<CallOutcome> {
    // Checked before waiting too, so that a call that will be refused is refused at once.
    this.#budget.check()
    return this.#slots.run(async () => {
      if (this.#closing.signal.aborted) throw aborted()
      if (this.#fatalError !== null) throw this.#fatalError
      this.#budget.reserve()
      const keys = forms.map(({ key }) => key)
      this.#context.onSend?.(keys)
      const first = forms.findIndex(({ format }) => format === this.#acceptedFormat)
      const outcome = await this.#caller.ask(
        forms.slice(Math.max(0, first)).map(({ format, body }) => ({ format, body })),
      )
      const isPaid = outcome.kind === 'answered' ? outcome.paid : outcome.kind === 'failed' && outcome.isPaid
      if (!isPaid) {
        this.#budget.giveBack()
        this.#context.onUnpaid?.(keys)
      }
      if (outcome.kind === 'answered' && outcome.paid) this.#budget.countTokens(this.#readNew(outcome.key))
      if (outcome.kind === 'answered' && forms.length > 1) this.#acceptedFormat = outcome.format
      // Set before the next call gets this slot: a run should not learn from thousands of calls that the server is gone.
      if (outcome.kind === 'failed' && outcome.error.kind === 'run') this.#fatalError ??= reviveError(outcome.error)
      return outcome
    })
  }

  /** The error that a call ends with. If the server has refused every call so far, it refuses all calls. */
  #errorOf(error: WireError): RetraceError {
    if (error.code !== 'REQUEST_REFUSED' || this.#hasAnswered) return reviveError(error)
    // A refusal is quick and an answer takes time, so twice as many calls as run at once have to be refused.
    if (++this.#refusals < Math.max(minRefusals, 2 * this.#options.concurrency)) return reviveError(error)
    const message = `${error.message} It refused ${this.#refusals} calls so far and answered none: check the model "${this.#options.model}" and baseUrl.`
    return reviveError({ ...error, code: 'ENDPOINT_REFUSED', message })
  }

  /** A call that the caller process has just put into the cache. */
  #readNew(key: string): Call {
    const call = this.#cache.read(key)
    if (call !== null) return call
    throw new CoreError('RECORD_INVALID', `The answer to call ${key} was removed from the cache as it came. Run again.`)
  }

  /** Keeps the call with the run, and reports it once for the ledger. @throws GenerationError `ANSWER_EMPTY` */
  #deliver(call: Call, cost: Pick<ReportedRow, 'paid' | 'failures'>, { unit, role, path }: CallPurpose): Completion {
    const digest = this.#context.blobs.put(Buffer.from(canonicalJson(call)))
    const { key, text, finishReason, usage } = call
    this.#hasAnswered = true
    if (!this.#reportedKeys.has(key)) {
      this.#reportedKeys.add(key)
      this.#context.onCall({ key, unit, role, path, usage, ...cost })
    }
    if (isEmpty(call)) throw emptyAnswerError(call, this.#options)
    return { text, finishReason, usage, call: digest }
  }
}

function emptyAnswerError({ finishReason }: Call, { baseUrl, model }: EndpointOptions): GenerationError {
  const message = `${model} at ${baseUrl} said nothing (it ended by "${finishReason}"). If it thinks before it answers, allow it more tokens.`
  return new GenerationError('ANSWER_EMPTY', message, { baseUrl, model, finishReason })
}

type KeyedForm = RequestForm & { key: string }
type ReportedRow = Parameters<GenerationContext['onCall']>[0]

/** The first of these calls that the cache has. */
function firstCall(forms: readonly KeyedForm[], cache: CallCache): Call | null {
  for (const { key } of forms) {
    const call = cache.read(key)
    if (call !== null) return call
  }
  return null
}

/** Settles as the promise does, or fails with `ABORTED` as soon as the signal is aborted. */
function untilAborted<Result>(promise: Promise<Result>, signal: AbortSignal): Promise<Result> {
  return new Promise((resolvePromise, reject) => {
    const onAbort = (): void => reject(aborted())
    if (signal.aborted) onAbort()
    signal.addEventListener('abort', onAbort, { once: true })
    promise.then(resolvePromise, reject).finally(() => signal.removeEventListener('abort', onAbort))
  })
}

function aborted(): CoreError {
  return new CoreError('ABORTED', 'The call was given up, as the run was stopped. Calls under way are still kept.')
}

function reviveError(wire: WireError): RetraceError {
  const { code, message, details } = wire
  return isErrorCode(generationErrors, code) ? new GenerationError(code, message, details) : fromWireError(wire)
}

function callerDied(): GenerationError {
  const message = `The process that makes the calls ended ${maxStops} times in the midst of one. Is there enough memory?`
  return new GenerationError('CALLS_BROKEN', message)
}
