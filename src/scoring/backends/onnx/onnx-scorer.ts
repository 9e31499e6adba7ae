import { resolve } from 'node:path'
import { checkBranches, checkCommit, checkPrefixTokens } from '../../checks.js'
import { ScoringError } from '../../errors.js'
import { isInShards, readModelFiles, readModelInfo, weightsFile } from '../../../model/index.js'
import type { Branch, BranchScore, ModelInfo, Prefix, Scorer, ScorerCounters } from '../../scorer.js'
import type { BackendOptions } from '../../settings.js'
import type { ProbeOptions } from '../backend.js'
import { ScorerProcess } from './child-process.js'
import { whyNoOnnxRuntime } from './load-onnxruntime.js'

const defaultCacheMiB = 1024

/**
 * Starts the process and loads the model.
 *
 * @throws ModelError as `readModelInfo`; ScoringError `BACKEND_MISSING`, `MODEL_UNSUPPORTED`, `NOT_FINITE`, `BACKEND_DIED`
 */
export async function createOnnxScorer(options: BackendOptions): Promise<Scorer> {
  const modelDir = resolve(options.modelDir)
  requireOnnxRuntime()
  refuseShards(modelDir)
  const facts = await readModelInfo(modelDir)
  const child = new ScorerProcess()
  try {
    await child.call('load', {
      modelDir,
      threads: options.threads ?? 1,
      keptBytes: (options.cacheMiB ?? defaultCacheMiB) * 2 ** 20,
    })
  } catch (error) {
    await child.stop()
    throw error
  }
  return new OnnxScorer({ ...facts, dtype: 'float32', device: 'onnx cpu', deviceReason: null }, child)
}

/** Checks the package and the model's files. The library itself is loaded by the process that scores. */
export async function probeOnnx({ modelDir }: ProbeOptions): Promise<string> {
  requireOnnxRuntime()
  refuseShards(modelDir)
  readModelFiles(modelDir)
  return Promise.resolve('ONNX Runtime on the CPU')
}

function requireOnnxRuntime(): void {
  const missing = whyNoOnnxRuntime()
  if (missing !== null) throw missing
}

function refuseShards(modelDir: string): void {
  if (!isInShards(modelDir)) return
  const message = `${modelDir} holds its weights in shards, and the onnx backend reads ${weightsFile} alone. Use the backend "native".`
  throw new ScoringError('MODEL_UNSUPPORTED', message, { modelDir })
}

/** Checks the arguments of each call and gives the work to the child process. */
class OnnxScorer implements Scorer {
  readonly #openPrefixes = new Set<number>()

  readonly model: ModelInfo
  readonly #child: ScorerProcess

  constructor(model: ModelInfo, child: ScorerProcess) {
    this.model = model
    this.#child = child
  }

  async open(tokens: Uint32Array): Promise<Prefix> {
    checkPrefixTokens(this.model, tokens)
    return this.#track(await this.#child.call('open', { tokens }), tokens.length)
  }

  async score(prefix: Prefix, branches: Branch[], signal?: AbortSignal): Promise<BranchScore[]> {
    this.#checkIsOpen(prefix)
    checkBranches(this.model, prefix, branches)
    return this.#child.call('score', { prefix: prefix.id, branches }, signal)
  }

  async commit(prefix: Prefix, branch: Branch): Promise<Prefix> {
    this.#checkIsOpen(prefix)
    checkCommit(this.model, prefix, branch)
    const id = await this.#child.call('commit', { prefix: prefix.id, tokens: branch.tokens })
    return this.#track(id, prefix.length + branch.tokens.length)
  }

  close(prefix: Prefix): void {
    if (!this.#openPrefixes.delete(prefix.id)) return
    // Fails where the process has ended, and the prefix is closed then anyway.
    this.#child.call('close', { prefix: prefix.id }).catch(() => {})
  }

  counters(): Promise<ScorerCounters> {
    return this.#child.call('counters', {})
  }

  dispose(): Promise<void> {
    return this.#child.stop()
  }

  #track(id: number, length: number): Prefix {
    this.#openPrefixes.add(id)
    return { id, length }
  }

  #checkIsOpen(prefix: Prefix): void {
    if (this.#openPrefixes.has(prefix.id)) return
    throw new ScoringError('PREFIX_CLOSED', `Prefix ${prefix.id} is closed, or of another scorer. Open it again.`, {
      id: prefix.id,
    })
  }
}
