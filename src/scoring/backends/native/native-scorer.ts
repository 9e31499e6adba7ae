import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { z } from 'zod'
import { checkBranches, checkCommit, checkPrefixTokens } from '../../checks.js'
import { ScoringError } from '../../errors.js'
import { readModelInfo } from '../../model-files.js'
import type { CheckedScorerOptions } from '../../options.js'
import type { Branch, BranchScore, ModelInfo, Prefix, Scorer, ScorerCounters } from '../../scorer.js'
import type { NativeAddon, NativeJob, PrefixHandle, ScorerHandle } from './addon-types.js'
import { chooseDevice } from './choose-device.js'
import { loadAddon } from './load-addon.js'
import { reviveNativeError } from './native-error.js'

/** Of those that are not asked for: a pass over a small batch has no work for more. */
const mostThreads = 32

const precisions = { auto: 0, float32: 1, bfloat16: 2 } as const

/** What the engine says of itself, as far as it is read here. */
const descriptionSchema = z.looseObject({
  device: z.string(),
  deviceName: z.string(),
  kernels: z.string(),
  dtype: z.string(),
  contextLength: z.int(),
})

/**
 * Loads the addon and the model. Scorers of one model on one device share its weights and its cache.
 *
 * @throws ScoringError as `readModelInfo`, and `NATIVE_NOT_BUILT`, `NATIVE_INCOMPATIBLE`, `DEVICE_UNAVAILABLE`,
 * `OUT_OF_MEMORY`, `NOT_FINITE`
 */
export async function createNativeScorer(options: CheckedScorerOptions): Promise<Scorer> {
  const addon = loadAddon()
  const modelDir = resolve(options.modelDir)
  const facts = await readModelInfo(modelDir)
  const chosen = chooseDevice(options.device, options.device === 'auto' ? await addon.probe() : '')
  const load = async ({ device, reason }: typeof chosen): Promise<Scorer> => {
    const scorer = await addon.load({
      modelDir,
      identity: facts.digest,
      device,
      kernels: options.kernels,
      gpu: options.gpu,
      precision: precisions[options.precision],
      threads: options.threads ?? Math.min(mostThreads, availableParallelism()),
      cacheBytes: (options.cacheMiB ?? 0) * 2 ** 20,
    })
    const said = descriptionSchema.parse(JSON.parse(await addon.describe(scorer).promise))
    const { dtype, contextLength } = said
    const names = [said.deviceName, said.kernels].filter((name) => name !== '').join(', ')
    const computing = { dtype, device: `native ${said.device}: ${names}`, deviceReason: reason }
    return new NativeScorer({ ...facts, contextLength, ...computing }, addon, scorer)
  }
  try {
    return await load(chosen)
  } catch (error) {
    const known = reviveNativeError(error)
    // A GPU that was not asked for by name, and whose kernels do not know a model of this shape.
    const mayFallBack = options.device === 'auto' && chosen.device !== 'cpu' && known.code === 'MODEL_UNSUPPORTED'
    if (!mayFallBack) throw known
    return load({ device: 'cpu', reason: `the GPU's kernels do not fit: ${known.message}` }).catch((again: unknown) => {
      throw reviveNativeError(again)
    })
  }
}

/** Checks what it is given and hands it to the engine's thread. */
class NativeScorer implements Scorer {
  /** The prefixes that are open. They are held by whoever opened them: one that is forgotten closes itself. */
  private readonly handles = new WeakMap<Prefix, PrefixHandle>()
  private lastPrefix = 0
  private disposed: Promise<void> | undefined

  constructor(
    readonly model: ModelInfo,
    private readonly addon: NativeAddon,
    private readonly scorer: ScorerHandle,
  ) {}

  async open(tokens: Uint32Array): Promise<Prefix> {
    checkPrefixTokens(this.model, tokens)
    return this.track(await this.answer(this.addon.open(this.scorer, tokens)), tokens.length)
  }

  async score(prefix: Prefix, branches: Branch[], signal?: AbortSignal): Promise<BranchScore[]> {
    const handle = this.handleOf(prefix)
    checkBranches(this.model, prefix, branches)
    if (signal?.aborted === true) throw new ScoringError('ABORTED', 'Scoring was aborted.')
    const { tokens, tokenCounts, rangeCounts, ranges } = packBranches(branches)
    const job = this.addon.score(this.scorer, handle, tokens, tokenCounts, rangeCounts, ranges)
    return shareOut(await this.answer(job, signal), branches)
  }

  async commit(prefix: Prefix, branch: Branch): Promise<Prefix> {
    const handle = this.handleOf(prefix)
    checkCommit(this.model, prefix, branch)
    const committed = await this.answer(this.addon.commit(this.scorer, handle, branch.tokens))
    return this.track(committed, prefix.length + branch.tokens.length)
  }

  close(prefix: Prefix): void {
    const handle = this.handles.get(prefix)
    if (handle === undefined) return
    this.handles.delete(prefix)
    this.addon.close(handle)
  }

  async counters(): Promise<ScorerCounters> {
    const { prefixTokensComputed, branchTokensComputed, tokensRecomputed, prefixTokensReused } = this.addon.counters(
      this.scorer,
    )
    return { prefixTokensComputed, branchTokensComputed, tokensRecomputed, prefixTokensReused }
  }

  dispose(): Promise<void> {
    this.disposed ??= this.addon.dispose(this.scorer)
    return this.disposed
  }

  /** The answer of a job, which the signal ends. */
  private async answer<T>({ promise, job }: NativeJob<T>, signal?: AbortSignal): Promise<T> {
    const onAbort = (): void => this.addon.abort(this.scorer, job)
    signal?.addEventListener('abort', onAbort, { once: true })
    try {
      return await promise
    } catch (error) {
      throw reviveNativeError(error)
    } finally {
      signal?.removeEventListener('abort', onAbort)
    }
  }

  private track(handle: PrefixHandle, length: number): Prefix {
    const prefix = { id: ++this.lastPrefix, length }
    this.handles.set(prefix, handle)
    return prefix
  }

  private handleOf(prefix: Prefix): PrefixHandle {
    const handle = this.handles.get(prefix)
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
