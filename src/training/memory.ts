import type { ModelShape } from '../model/index.js'
import { blockParameters, countParameters, outerParameters } from './model-shape.js'
import type { TrainingConfig } from './options.js'

/** The most bytes that one rank holds, by purpose. */
export interface MemoryEstimate {
  /** In float32, as are their gradients. */
  weights: number
  gradients: number
  /** Two for each parameter. */
  moments: number
  /** Kept by a forward pass for the backward pass: each block's input, or all of each block. */
  activations: number
  /** The block that is computed again, and what else its backward pass needs. */
  blockAtWork: number
  logits: number
  /** Weights that each rank holds whole while they compute. */
  gathered: number
  /** Unused space that the allocator holds between tensors. */
  gaps: number
  /** PyTorch itself, and on a GPU its context. */
  libraries: number
}

const bytesOf = { float32: 4, bfloat16: 2 } as const
/**
 * Unused space as a share of the tensors of a step. The heap of a process on a CPU keeps pieces that nothing fits into:
 * for the shipped model and rows of 8k, 1.5 to 1.8 GiB were measured where the tensors need 1.4. A GPU's segments can
 * grow, and keep next to none.
 */
const gapShare = { cpu: 0.5, cuda: 0 } as const
const librariesBytes = { cpu: 0.6 * 2 ** 30, cuda: 0.5 * 2 ** 30 } as const

/**
 * The memory of one of `ranks` ranks whose micro-batch has `tokens` tokens, computed from sizes alone.
 *
 * With P parameters, R ranks, T tokens, L blocks, h hidden, f feed-forward, q and k the widths of queries and of keys,
 * V words, C tokens of a loss chunk, and b bytes of the type that computes:
 *
 *     weights, gradients, moments   4 P/R + 4 P/R + 2 m P/R               m: bytes of a moment
 *     activations                   L T h b                               with checkpointing, else L T kept b
 *     blockAtWork                   T (kept + 2 f) b                      the gradients of gate and product beside it
 *     logits                        C V (b + 4 + 4)                       as computed, in float32, and their gradient
 *     gathered                      b (embedding and head + 2 blocks)     the second block comes while the first works
 *
 *     kept = 4 f + 6 h + 3 q + 3 k    gate, up, its activation and product; two norms, each with its float32 copy;
 *                                     queries before and after rotation and what attention gives; keys twice, values
 *
 * For Llama-3-8B at 64k the last four are 16.0, 15.4, 2.4 and 2.8 GiB; docs/training.md has the sums.
 */
export function estimateMemory(
  shape: ModelShape,
  config: TrainingConfig,
  run: { ranks: number; tokens: number; device: 'cpu' | 'cuda' },
): MemoryEstimate {
  const { layers, hiddenSize, intermediateSize, heads, kvHeads, headSize, vocabularySize } = shape
  const perRank = countParameters(shape) / run.ranks
  const width = bytesOf[config.compute]
  const kept = 4 * intermediateSize + 6 * hiddenSize + 3 * (heads + kvHeads) * headSize
  const transient = {
    activations: layers * run.tokens * width * (config.activationCheckpointing ? hiddenSize : kept),
    blockAtWork: run.tokens * width * (2 * intermediateSize + (config.activationCheckpointing ? kept : 0)),
    logits: Math.min(config.lossChunkTokens, run.tokens) * vocabularySize * (width + 8),
  }
  return {
    weights: 4 * perRank,
    gradients: 4 * perRank,
    moments: 2 * bytesOf[config.optimizer.moments] * perRank,
    ...transient,
    gathered: width * (outerParameters(shape) + 2 * blockParameters(shape)),
    gaps: gapShare[run.device] * (transient.activations + transient.blockAtWork + transient.logits),
    libraries: librariesBytes[run.device],
  }
}

export function totalBytes(estimate: MemoryEstimate): number {
  return (Object.values(estimate) as number[]).reduce((sum, bytes) => sum + bytes, 0)
}

/** `126.9 GiB`, `35 MiB`. */
export function formatGib(bytes: number): string {
  const value = bytes / 2 ** 30
  return value >= 0.1 ? `${value.toFixed(1)} GiB` : `${Math.ceil(bytes / 2 ** 20)} MiB`
}
