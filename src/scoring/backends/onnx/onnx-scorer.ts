import { resolve } from 'node:path'
import { checkBranches, checkCommit, checkPrefixTokens } from '../../checks.js'
import { ScoringError } from '../../errors.js'
import { readModelInfo } from '../../model-files.js'
import type { CheckedScorerOptions } from '../../options.js'
import type { Branch, BranchScore, ModelInfo, Prefix, Scorer, ScorerCounters } from '../../scorer.js'
import { ScorerProcess } from './child-process.js'

const defaultCacheMiB = 1024

/** Starts the process and loads the model. @throws ScoringError as `readModelInfo`, and `NOT_FINITE`, `BACKEND_DIED` */
export async function createOnnxScorer(options: CheckedScorerOptions): Promise<Scorer> {
  const modelDir = resolve(options.modelDir)
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

/** Checks what it is given and hands it to the child process. */
class OnnxScorer implements Scorer {
  private readonly openPrefixes = new Set<number>()

  constructor(
    readonly model: ModelInfo,
    private readonly child: ScorerProcess,
  ) {}

  async open(tokens: Uint32Array): Promise<Prefix> {
    checkPrefixTokens(this.model, tokens)
    return this.track(await this.child.call('open', { tokens }), tokens.length)
  }

  async score(prefix: Prefix, branches: Branch[], signal?: AbortSignal): Promise<BranchScore[]> {
    this.checkIsOpen(prefix)
    checkBranches(this.model, prefix, branches)
    return this.child.call('score', { prefix: prefix.id, branches }, signal)
  }

  async commit(prefix: Prefix, branch: Branch): Promise<Prefix> {
    this.checkIsOpen(prefix)
    checkCommit(this.model, prefix, branch)
    const id = await this.child.call('commit', { prefix: prefix.id, tokens: branch.tokens })
    return this.track(id, prefix.length + branch.tokens.length)
  }

  close(prefix: Prefix): void {
    if (!this.openPrefixes.delete(prefix.id)) return
    // Where the process has ended, the prefix has gone with it.
    this.child.call('close', { prefix: prefix.id }).catch(() => {})
  }

  counters(): Promise<ScorerCounters> {
    return this.child.call('counters', {})
  }

  dispose(): Promise<void> {
    return this.child.stop()
  }

  private track(id: number, length: number): Prefix {
    this.openPrefixes.add(id)
    return { id, length }
  }

  private checkIsOpen(prefix: Prefix): void {
    if (this.openPrefixes.has(prefix.id)) return
    throw new ScoringError('PREFIX_CLOSED', `Prefix ${prefix.id} is closed, or of another scorer. Open it again.`, {
      id: prefix.id,
    })
  }
}
