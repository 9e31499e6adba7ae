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
import type { GenerationContext } from '../create-generator.js'
import { GenerationError, generationErrors } from '../errors.js'
import { findApiKey } from './api-key.js'
import { BudgetMeter } from './budget-meter.js'
import { CallCache, FormatMemory } from './call-cache.js'
import { CallSlots } from './call-slots.js'
import { Caller } from './caller.js'
import type { Outcome } from './messages.js'
import { cacheFolder, formatsOf, type AnswerFormat, type EndpointOptions } from './options.js'
import { isEmpty } from './read-answer.js'
import { requestBody, type Question } from './request-body.js'

/** A caller that ends this often during one call does not end by chance. */
const maxStops = 3
/** A server that refused so many calls and answered none does not refuse them one by one: most often it has no such model. */
const minRefusedAtFirst = 3
const firstLookAgainMs = 20
const maxLookAgainMs = 500

/**
 * Completions from any server with OpenAI's interface, each asked for once, whoever asks, however often, and whatever is
 * killed: answers lie in a cache that all runs share, and a process of its own brings home what is on its way.
 *
 * @throws GenerationError `API_KEY_MISSING`, CoreError `CONFIG_INVALID` where the cache's folder cannot be made
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
  private readonly cache: CallCache
  private readonly caller: Caller
  private readonly slots: CallSlots
  private readonly budget: BudgetMeter
  private readonly closing = new AbortController()
  /** Requests under way, by the digest of their strongest form. */
  private readonly underWay = new Map<string, Promise<Completion>>()
  /** Keys that the ledger has. */
  private readonly told = new Set<string>()
  private taken: AnswerFormat | null
  private hasAnswered = false
  private refused = 0
  /** Why no call can be made or kept any more. */
  private broken: Error | null = null
  private readonly close = (): void => {
    this.closing.abort()
    this.caller.letGo()
  }

  constructor(
    private readonly options: EndpointOptions,
    cacheDir: string,
    private readonly context: GenerationContext,
  ) {
    const { baseUrl, model, apiKeyEnv, timeoutMs, maxAttempts, maxRetryWaitMs } = options
    this.cache = new CallCache(cacheDir)
    this.caller = new Caller({ baseUrl, model, apiKeyEnv, timeoutMs, maxAttempts, maxRetryWaitMs, cacheDir })
    this.slots = new CallSlots(options.concurrency)
    this.budget = new BudgetMeter(context.budget)
    this.taken = new FormatMemory(cacheDir, options).recall()
    // One listener for each call that waits.
    setMaxListeners(0, this.closing.signal)
    if (context.signal?.aborted === true) this.close()
    else context.signal?.addEventListener('abort', this.close, { once: true })
  }

  complete(request: CompletionRequest, purpose: CallPurpose): Promise<Completion> {
    const questions = this.questionsOf(request)
    const name = questions[0]!.key
    let completion = this.underWay.get(name)
    if (completion === undefined) {
      completion = this.find(questions, purpose).finally(() => this.underWay.delete(name))
      this.underWay.set(name, completion)
    }
    return untilAborted(completion, this.closing.signal)
  }

  dispose(): Promise<void> {
    this.context.signal?.removeEventListener('abort', this.close)
    this.close()
    return Promise.resolve()
  }

  /** Every way to ask for this answer, the strongest first. */
  private questionsOf(request: CompletionRequest): KeyedQuestion[] {
    const formats = request.answer === null ? (['none'] as const) : formatsOf(this.options)
    return formats.map((format) => {
      const body = requestBody(request, this.options, format)
      return { format, body, key: digestOf(body) }
    })
  }

  /** Looks in the cache, waits for whoever asks for the same, or asks; in this order until there is an answer. */
  private async find(questions: readonly KeyedQuestion[], purpose: CallPurpose): Promise<Completion> {
    const failures: Record<string, number> = {}
    for (let stops = 0, wait = firstLookAgainMs; !this.closing.signal.aborted;) {
      // In any of its forms: what a server takes may have been learned after this was answered.
      const found = firstOf(questions, ({ key }) => this.cache.read(key))
      if (found !== null) return this.hand(found, { paid: false, failures }, purpose)
      const isHeld = questions.some(({ key }) => this.cache.isHeld(key))
      const outcome = isHeld ? null : await this.askInTurn(questions)
      for (const [kind, times] of Object.entries(outcome?.failures ?? {}))
        failures[kind] = (failures[kind] ?? 0) + times
      if (outcome?.kind === 'answered')
        return this.hand(this.fetched(outcome.key), { paid: outcome.paid, failures }, purpose)
      if (outcome?.kind === 'failed') throw this.refusalOf(outcome.error)
      if (outcome?.kind === 'stopped' && ++stops >= maxStops) throw (this.broken ??= callerDied())
      await sleep(wait, undefined, { signal: this.closing.signal })
      wait = Math.min(2 * wait, maxLookAgainMs)
    }
    throw aborted()
  }

  private async askInTurn(questions: readonly KeyedQuestion[]): Promise<Outcome> {
    // Before waiting too: a call that will be refused is refused at once.
    this.budget.check()
    return this.slots.run(async () => {
      if (this.closing.signal.aborted) throw aborted()
      if (this.broken !== null) throw this.broken
      this.budget.reserve()
      const keys = questions.map(({ key }) => key)
      this.context.onSend?.(keys)
      const strongest = questions.findIndex(({ format }) => format === this.taken)
      const outcome = await this.caller.ask(
        questions.slice(Math.max(0, strongest)).map(({ format, body }) => ({ format, body })),
      )
      const isPaid = outcome.kind === 'answered' ? outcome.paid : outcome.kind === 'failed' && outcome.isPaid
      if (!isPaid) {
        this.budget.giveBack()
        this.context.onUnpaid?.(keys)
      }
      if (outcome.kind === 'answered' && outcome.paid) this.budget.countTokens(this.fetched(outcome.key))
      if (outcome.kind === 'answered' && questions.length > 1) this.taken = outcome.format
      // Before the next call gets this one's slot: a run should not learn from each of thousands that the server is gone.
      if (outcome.kind === 'failed' && outcome.error.kind === 'run') this.broken ??= reviveError(outcome.error)
      return outcome
    })
  }

  /** What a call ends with; the refusal of all calls where none had an answer yet. */
  private refusalOf(error: WireError): RetraceError {
    if (error.code !== 'REQUEST_REFUSED' || this.hasAnswered) return reviveError(error)
    // A refusal comes at once and an answer takes time: as many again as run at once have to be refused.
    if (++this.refused < Math.max(minRefusedAtFirst, 2 * this.options.concurrency)) return reviveError(error)
    const message = `${error.message} It refused ${this.refused} calls so far and answered none: check the model "${this.options.model}" and baseUrl.`
    return reviveError({ ...error, code: 'ENDPOINT_REFUSED', message })
  }

  /** A call that the caller has just put into the cache. */
  private fetched(key: string): Call {
    const call = this.cache.read(key)
    if (call !== null) return call
    throw new CoreError('RECORD_INVALID', `The answer to call ${key} was removed from the cache as it came. Run again.`)
  }

  /** Keeps the call with the run and tells the ledger. @throws GenerationError `ANSWER_EMPTY` */
  private hand(call: Call, how: Pick<HandedRow, 'paid' | 'failures'>, { unit, role, path }: CallPurpose): Completion {
    const digest = this.context.blobs.put(Buffer.from(canonicalJson(call)))
    const { key, text, finishReason, usage } = call
    this.hasAnswered = true
    if (!this.told.has(key)) {
      this.told.add(key)
      this.context.onCall({ key, unit, role, path, usage, ...how })
    }
    if (isEmpty(call)) throw saysNothing(call, this.options)
    return { text, finishReason, usage, call: digest }
  }
}

function saysNothing({ finishReason }: Call, { baseUrl, model }: EndpointOptions): GenerationError {
  const message = `${model} at ${baseUrl} said nothing (it ended by "${finishReason}"). If it thinks before it answers, allow it more tokens.`
  return new GenerationError('ANSWER_EMPTY', message, { baseUrl, model, finishReason })
}

type KeyedQuestion = Question & { key: string }
type HandedRow = Parameters<GenerationContext['onCall']>[0]

function firstOf<Item, Found>(items: readonly Item[], find: (item: Item) => Found | null): Found | null {
  for (const item of items) {
    const found = find(item)
    if (found !== null) return found
  }
  return null
}

/** The promise, or `ABORTED` as soon as the signal says so. */
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
