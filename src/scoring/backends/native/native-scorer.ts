import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { z } from 'zod'
import { checkBranches, checkCommit, checkPrefixTokens } from '../../checks.js'
import { ScoringError } from '../../errors.js'
import { readModelInfo } from '../../../model/index.js'
import type { Branch, BranchScore, ModelInfo, Prefix, Scorer, ScorerCounters } from '../../scorer.js'
import type { BackendOptions } from '../../settings.js'
import type { NativeAddon, NativeJob, PrefixHandle, ScorerHandle } from './addon-types.js'
import { loadAddon } from './load-addon.js'
import { reviveNativeError } from './native-error.js'

/** The default at most: a pass over a small batch has no work for more threads. */
const maxDefaultThreads = 32

const precisions = { auto: 0, float32: 1, bfloat16: 2 } as const

/** The parts of the engine's description that are read here. */
const descriptionSchema = z.looseObject({
  device: z.string(),
  deviceName: z.string(),
  deviceReason: z.string(),
  kernels: z.string(),
  dtype: z.string(),
  contextLength: z.int(),
})

/**
 * Loads the addon and the model. Scorers with the same options share the weights and the cache of one engine. Which
 * device `auto` is, the engine decides, and says why.
 *
 * @throws ModelError as `readModelInfo`; ScoringError `NATIVE_NOT_BUILT`, `NATIVE_INCOMPATIBLE`, `DEVICE_UNAVAILABLE`,
 * `OUT_OF_MEMORY`, `NOT_FINITE`
 */
export async function createNativeScorer(options: BackendOptions): Promise<Scorer> {
  const addon = loadAddon()
  const modelDir = resolve(options.modelDir)
  const facts = await readModelInfo(modelDir)
  try {
    const scorer = await addon.load({
      modelDir,
      identity: facts.digest,
      device: options.device,
      kernels: options.kernels,
      gpu: options.gpu,
      precision: precisions[options.precision],
      threads: options.threads ?? Math.min(maxDefaultThreads, availableParallelism()),
      cacheBytes: (options.cacheMiB ?? 0) * 2 ** 20,
    })
    const description = descriptionSchema.parse(JSON.parse(await addon.describe(scorer).promise))
    return new NativeScorer({ ...facts, ...describeComputing(description, options.device) }, addon, scorer)
  } catch (error) {
    throw reviveNativeError(error)
  }
}

function describeComputing(
  { device, deviceName, deviceReason, kernels, dtype, contextLength }: z.infer<typeof descriptionSchema>,
  asked: BackendOptions['device'],
) {
  const names = [deviceName, kernels].filter((name) => name !== '').join(', ')
  const reason = asked === 'auto' ? deviceReason : null
  return { dtype, contextLength, device: `native ${device}: ${names}`, deviceReason: reason }
}

/** Checks the arguments of each call and gives the work to the engine's thread. */
class NativeScorer implements Scorer {
  /** The open prefixes. Only the caller holds them, so a prefix that is forgotten is closed by garbage collection. */
  readonly #handles = new WeakMap<Prefix, PrefixHandle>()
  #lastPrefix = 0
  #disposed: Promise<void> | undefined

  readonly model: ModelInfo
  readonly #addon: NativeAddon
  readonly #scorer: ScorerHandle

  constructor(model: ModelInfo, addon: NativeAddon, scorer: ScorerHandle) {
    this.model = model
    this.#addon = addon
    this.#scorer = scorer
  }

  async open(tokens: Uint32Array): Promise<Prefix> {
    checkPrefixTokens(this.model, tokens)
    return this.#track(await this.#answer(this.#addon.open(this.#scorer, tokens)), tokens.length)
  }

  async score(prefix: Prefix, branches: Branch[], signal?: AbortSignal): Promise<BranchScore[]> {
    const handle = this.#handleOf(prefix)
    checkBranches(this.model, prefix, branches)
    if (signal?.aborted === true) throw new ScoringError('ABORTED', 'Scoring was aborted.')
    const { tokens, tokenCounts, rangeCounts, ranges } = packBranches(branches)
    const job = this.#addon.score(this.#scorer, handle, tokens, tokenCounts, rangeCounts, ranges)
    return shareOut(await this.#answer(job, signal), branches)
  }

  async commit(prefix: Prefix, branch: Branch): Promise<Prefix> {
    const handle = this.#handleOf(prefix)
    checkCommit(this.model, prefix, branch)
    const committed = await this.#answer(this.#addon.commit(this.#scorer, handle, branch.tokens))
    return this.#track(committed, prefix.length + branch.tokens.length)
  }

  close(prefix: Prefix): void {
    const handle = this.#handles.get(prefix)
    if (handle === undefined) return
    this.#handles.delete(prefix)
    this.#addon.close(handle)
  }

  counters(): Promise<ScorerCounters> {
    const { prefixTokensComputed, branchTokensComputed, tokensRecomputed, prefixTokensReused } = this.#addon.counters(
      this.#scorer,
    )
    return Promise.resolve({ prefixTokensComputed, branchTokensComputed, tokensRecomputed, prefixTokensReused })
  }

  dispose(): Promise<void> {
    this.#disposed ??= this.#addon.dispose(this.#scorer)
    return this.#disposed
  }

  /** The answer of a job, which the signal ends. */
  async #answer<T>({ promise, job }: NativeJob<T>, signal?: AbortSignal): Promise<T> {
    const onAbort = (): void => this.#addon.abort(this.#scorer, job)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await promise
    } catch (error) {
      throw reviveNativeError(error)
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  #track(handle: PrefixHandle, length: number): Prefix {
    const prefix = { id: ++this.#lastPrefix, length }
    this.#handles.set(prefix, handle)
    return prefix
  }

  #handleOf(prefix: Prefix): PrefixHandle {
    const handle = this.#handles.get(prefix)
    if (handle !== undefined) return handle
    throw new ScoringError('PREFIX_CLOSED', `Prefix ${prefix.id} is closed, or of another scorer. Open it again.`, {
      id: prefix.id,
    })
  }
}

/** Branches in the four arrays that the addon takes. */
function packBranches(branches: readonly Branch[]) {
  const tokens = new Uint32Array(branches.reduce((sum, branch) => sum + branch.tokens.length, 0))
  let filled = 0
  for (const branch of branches) {
    tokens.set(branch.tokens, filled)
    filled += branch.tokens.length
  }
  return {
    tokens,
    tokenCounts: Uint32Array.from(branches, (branch) => branch.tokens.length),
    rangeCounts: Uint32Array.from(branches, (branch) => branch.scored.length),
    ranges: Uint32Array.from(branches.flatMap(({ scored }) => scored.flatMap(({ start, end }) => [start, end]))),
  }
}

/** Each branch's part of all log-probabilities, with memory of its own. */
function shareOut(logProbs: Float32Array, branches: readonly Branch[]): BranchScore[] {
  let taken = 0
  return branches.map(({ scored }) => {
    const count = scored.reduce((sum, { start, end }) => sum + end - start, 0)
    taken += count
    return { logProbs: logProbs.slice(taken - count, taken) }
  })
}
