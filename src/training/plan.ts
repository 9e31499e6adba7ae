import type { DataPlan } from './data-plan.js'
import type { MemoryEstimate } from './memory.js'
import type { TrainingConfig } from './options.js'
import type { TrainingRequest } from './request.js'

/** `job.json`: the loop's instructions, which python/retrace_train/job.py reads. */
export interface TrainingJob {
  schemaVersion: 1
  out: string
  model: string
  shards: string[]
  engine: TrainingRequest['engine']
  device: 'cpu' | 'cuda'
  threads: number
  config: TrainingConfig
}

/** Everything that is decided before a process starts. */
export interface TrainingPlan {
  device: 'cpu' | 'cuda'
  /** On each machine. */
  processes: number
  nodes: number
  worldSize: number
  /** Of each step. */
  rowsPerRank: number
  data: DataPlan
  /** Of one rank. */
  memory: MemoryEstimate
  /** Bytes that one rank may use. */
  availableBytes: number
  job: TrainingJob
  /** What a person should know about the decisions. */
  notes: string[]
}
