import { estimateMemory, totalBytes, type MemoryEstimate } from './memory.js'
import type { ModelShape } from '../model/index.js'
import type { TrainingConfig } from './options.js'

/** A job that does not fit into memory. */
export interface TightJob {
  shape: ModelShape
  config: TrainingConfig
  /** Of a micro-batch. */
  tokens: number
  rowTokens: number
  device: 'cpu' | 'cuda'
  /** On each machine. */
  processes: number
  nodes: number
  worldSize: number
  sizes: readonly number[]
  memory: MemoryEstimate
  availableBytes: number
}

/** The changes that would each make a job fit by itself, as one sentence. */
export function memoryAdvice(job: TightJob): string {
  const { config } = job
  const lighter = { ...config, optimizer: { ...config.optimizer, moments: 'bfloat16' as const } }
  const advice = [
    config.activationCheckpointing || !fits(job, { config: { ...config, activationCheckpointing: true } })
      ? null
      : 'set activationCheckpointing',
    config.microBatchRows === 1 || !fits(job, { config: { ...config, microBatchRows: 1 }, tokens: job.rowTokens })
      ? null
      : 'set microBatchRows to 1',
    config.optimizer.moments === 'bfloat16' || !fits(job, { config: lighter })
      ? null
      : 'set optimizer.moments to "bfloat16"',
    moreRanks(job),
    fewerRanks(job),
    shorterRows(job),
  ].filter((change) => change !== null)
  if (advice.length === 0) return 'Nothing here makes it fit: take a smaller model, or a machine with more memory.'
  return `What would fit: ${advice.join('; or ')}.`
}

/** Not on a CPU: its ranks share one memory, so more of them do not help. */
function moreRanks(job: TightJob): string | null {
  if (job.device === 'cpu') return null
  const ranks = job.sizes.find((size) => size > job.worldSize && fits(job, { ranks: size }))
  return ranks === undefined ? null : `${ranks} GPUs of this size`
}

/** On a CPU only: fewer ranks have more of the memory each. */
function fewerRanks(job: TightJob): string | null {
  if (job.device !== 'cpu') return null
  for (let processes = job.processes - 1; processes > 0; processes--) {
    const ranks = processes * job.nodes
    const availableBytes = (job.availableBytes * job.processes) / processes
    if (job.sizes.includes(ranks) && fits({ ...job, availableBytes }, { ranks })) return `--processes ${processes}`
  }
  return null
}

function shorterRows(job: TightJob): string | null {
  for (let rowTokens = 2 ** Math.floor(Math.log2(job.rowTokens - 1)); rowTokens >= 1024; rowTokens /= 2) {
    const tokens = rowTokens * job.config.microBatchRows
    if (fits(job, { tokens })) return `rows of ${rowTokens} tokens (packing.sequenceLength)`
  }
  return null
}

function fits(job: TightJob, change: { config?: TightJob['config']; tokens?: number; ranks?: number }): boolean {
  const { shape, config, tokens, device, worldSize } = job
  const run = { ranks: change.ranks ?? worldSize, tokens: change.tokens ?? tokens, device }
  return totalBytes(estimateMemory(shape, change.config ?? config, run)) <= job.availableBytes
}
