import { createHash } from 'node:crypto'
import { ScoringError } from '../../errors.js'
import type { LlamaConfig } from '../../../model/index.js'
import type { Branch, BranchScore, Range, ScorerCounters } from '../../scorer.js'
import { KvBuffer, bytesOfRows, type KvRows } from './kv-buffer.js'
import type { LlamaRunner } from './llama-runner.js'

/** Most tokens in one run. Runs end at multiples of this, counted from the start of the path. */
const runTokens = 1024

interface PrefixState {
  id: number
  tokens: Uint32Array
  buffer: KvBuffer
  /** Final hidden state of the last token, which predicts the first token behind the prefix; `null` where empty. */
  lastHidden: Float32Array | null
}

/** The results of running a branch without its last token, which is not needed until the branch is committed. */
interface BranchRun {
  rows: KvRows
  /** Final hidden states `[tokens - 1, hiddenSize]`. */
  hidden: Float32Array
}

/**
 * The prefixes of a scorer and what has been computed for them.
 *
 * No token of a path is fed twice: a prefix keeps its keys, values and last hidden state, and so does every branch that
 * was scored behind it. A branch runs alone and always in the same shape (all tokens but the last, then the last token when
 * the branch is committed), so its numbers depend neither on the other branches of the call nor on whether it was scored
 * before it was committed.
 */
export class PrefixEngine {
  readonly #prefixes = new Map<number, PrefixState>()
  readonly #kept: KeptBranches
  #nextId = 1
  readonly counters: ScorerCounters = {
    prefixTokensComputed: 0,
    branchTokensComputed: 0,
    tokensRecomputed: 0,
    prefixTokensReused: 0,
  }

  readonly #runner: LlamaRunner
  readonly #config: LlamaConfig

  constructor(runner: LlamaRunner, config: LlamaConfig, keptBytes: number) {
    this.#runner = runner
    this.#config = config
    this.#kept = new KeptBranches(keptBytes)
  }

  async open(tokens: Uint32Array): Promise<number> {
    const buffer = KvBuffer.withRoomFor(this.#config, tokens.length)
    const hidden = await this.#feed(buffer, tokens, 0)
    this.counters.prefixTokensComputed += tokens.length
    this.counters.tokensRecomputed += this.#longestOpen(tokens)
    return this.#add(tokens, buffer, this.#row(hidden, tokens.length - 1))
  }

  async score(id: number, branches: readonly Branch[], isAborted: () => boolean): Promise<BranchScore[]> {
    const prefix = this.#get(id)
    const scores: BranchScore[] = []
    for (const branch of branches) {
      if (isAborted()) throw new ScoringError('ABORTED', 'Scoring was aborted.')
      const run = await this.#runBranch(prefix, branch.tokens)
      this.counters.prefixTokensReused += prefix.tokens.length
      scores.push({ logProbs: await this.#logProbs(prefix, branch, run.hidden) })
    }
    return scores
  }

  async commit(id: number, tokens: Uint32Array): Promise<number> {
    const prefix = this.#get(id)
    if (tokens.length === 0) return this.#add(prefix.tokens, prefix.buffer, prefix.lastHidden)

    const run = await this.#runBranch(prefix, tokens)
    const length = prefix.tokens.length
    const last = length + tokens.length - 1
    const buffer = this.#bufferBehind(prefix, tokens.length)
    buffer.put(length, run.rows)
    const hidden = await this.#feed(buffer, tokens.subarray(-1), last)
    this.counters.branchTokensComputed++

    const joined = new Uint32Array(last + 1)
    joined.set(prefix.tokens)
    joined.set(tokens, length)
    return this.#add(joined, buffer, this.#row(hidden, 0))
  }

  close(id: number): void {
    const prefix = this.#prefixes.get(id)
    prefix?.buffer.users.delete(id)
    this.#prefixes.delete(id)
    this.#kept.forget(id)
  }

  /** Runs a branch, or finds the run that was kept. */
  async #runBranch(prefix: PrefixState, tokens: Uint32Array): Promise<BranchRun> {
    const kept = this.#kept.get(prefix.id, tokens)
    if (kept !== undefined) return kept

    const length = prefix.tokens.length
    const fed = tokens.subarray(0, -1)
    const buffer = this.#bufferBehind(prefix, tokens.length)
    const hidden = await this.#feed(buffer, fed, length)
    const run = { rows: buffer.take(length, fed.length), hidden }
    this.counters.branchTokensComputed += fed.length
    if (this.#kept.wasDropped(prefix.id, tokens)) this.counters.tokensRecomputed += fed.length
    this.#kept.keep(prefix.id, tokens, run)
    return run
  }

  /** A buffer with the prefix's rows and room for `tokens` behind them, which no other prefix reads. */
  #bufferBehind(prefix: PrefixState, tokens: number): KvBuffer {
    const length = prefix.tokens.length
    const { buffer } = prefix
    if (buffer.capacity >= length + tokens && buffer.isWritableBehind(length)) return buffer

    const own = KvBuffer.withRoomFor(this.#config, length + tokens)
    own.put(0, buffer.take(0, length))
    buffer.users.delete(prefix.id)
    own.users.set(prefix.id, length)
    prefix.buffer = own
    return own
  }

  /** Feeds tokens in runs that end at multiples of `runTokens`, so that their shapes do not depend on the caller. */
  async #feed(buffer: KvBuffer, tokens: Uint32Array, past: number): Promise<Float32Array> {
    const { hiddenSize } = this.#config
    const hidden = new Float32Array(tokens.length * hiddenSize)
    for (let done = 0; done < tokens.length;) {
      const start = past + done
      const end = Math.min(past + tokens.length, (Math.floor(start / runTokens) + 1) * runTokens)
      const part = tokens.subarray(done, end - past)
      hidden.set(await this.#runner.feed(buffer, part, start), done * hiddenSize)
      done = end - past
    }
    checkFinite(hidden, 'a hidden state')
    return hidden
  }

  async #logProbs(prefix: PrefixState, branch: Branch, hidden: Float32Array): Promise<Float32Array> {
    const positions = branch.scored.flatMap(positionsOf)
    const rows = new Float32Array(positions.length * this.#config.hiddenSize)
    positions.forEach((position, i) => {
      const row = position === 0 ? prefix.lastHidden : this.#row(hidden, position - 1)
      rows.set(row as Float32Array, i * this.#config.hiddenSize)
    })
    const targets = Uint32Array.from(positions, (position) => branch.tokens[position] as number)
    const logProbs = await this.#runner.logProbs(rows, targets)
    checkFinite(logProbs, 'a log-probability')
    // The rounding of the last bit must not make a probability larger than one.
    return logProbs.map((value) => Math.min(value, 0))
  }

  #row(hidden: Float32Array, row: number): Float32Array | null {
    const { hiddenSize } = this.#config
    return row < 0 ? null : hidden.slice(row * hiddenSize, (row + 1) * hiddenSize)
  }

  #add(tokens: Uint32Array, buffer: KvBuffer, lastHidden: Float32Array | null): number {
    const id = this.#nextId++
    buffer.users.set(id, tokens.length)
    this.#prefixes.set(id, { id, tokens, buffer, lastHidden })
    return id
  }

  #get(id: number): PrefixState {
    const prefix = this.#prefixes.get(id)
    if (prefix === undefined) throw new ScoringError('PREFIX_CLOSED', `Prefix ${id} is closed. Open it again.`, { id })
    return prefix
  }

  /** How many of the first tokens an open prefix holds already, at most. */
  #longestOpen(tokens: Uint32Array): number {
    const lengths = [...this.#prefixes.values()].map((prefix) => {
      const end = Math.min(prefix.tokens.length, tokens.length)
      let common = 0
      while (common < end && prefix.tokens[common] === tokens[common]) common++
      return common
    })
    return Math.max(0, ...lengths)
  }
}

/** The runs of the branches behind the open prefixes. Past the limit the oldest are dropped, of whichever prefix. */
class KeptBranches {
  /** By prefix and tokens; `null` for a run that was dropped. */
  readonly #runs = new Map<string, BranchRun | null>()
  readonly #keysOf = new Map<number, string[]>()
  #bytes = 0

  readonly #maxBytes: number

  constructor(maxBytes: number) {
    this.#maxBytes = maxBytes
  }

  get(prefix: number, tokens: Uint32Array): BranchRun | undefined {
    return this.#runs.get(keyOf(prefix, tokens)) ?? undefined
  }

  wasDropped(prefix: number, tokens: Uint32Array): boolean {
    return this.#runs.get(keyOf(prefix, tokens)) === null
  }

  keep(prefix: number, tokens: Uint32Array, run: BranchRun): void {
    const key = keyOf(prefix, tokens)
    this.#runs.set(key, run)
    this.#keysOf.set(prefix, [...(this.#keysOf.get(prefix) ?? []), key])
    this.#bytes += sizeOf(run)
    for (const [oldKey, oldest] of this.#runs) {
      if (this.#bytes <= this.#maxBytes) break
      if (oldest === null) continue
      this.#runs.set(oldKey, null)
      this.#bytes -= sizeOf(oldest)
    }
  }

  forget(prefix: number): void {
    for (const key of this.#keysOf.get(prefix) ?? []) {
      const run = this.#runs.get(key)
      if (run !== undefined && run !== null) this.#bytes -= sizeOf(run)
      this.#runs.delete(key)
    }
    this.#keysOf.delete(prefix)
  }
}

const sizeOf = (run: BranchRun): number => bytesOfRows(run.rows) + run.hidden.byteLength
const keyOf = (prefix: number, tokens: Uint32Array): string =>
  `${prefix} ${createHash('sha256').update(tokens).digest('base64')}`
const positionsOf = ({ start, end }: Range): number[] => Array.from({ length: end - start }, (_, i) => start + i)

function checkFinite(values: Float32Array, what: string): void {
  if (values.every(Number.isFinite)) return
  throw new ScoringError('NOT_FINITE', `The model gave ${what} that is not a finite number. Check its weights.`)
}
