import type { Progress } from '../core/index.js'
import type { trainingEngines } from '../records/index.js'
import type { TrainingConfig } from './options.js'

/** How many processes train together, and where those of several machines meet. */
export interface LaunchOptions {
  /** On this machine; `null`: one per GPU, on a CPU as many as there are cores up to 2 that divide `batchRows`. */
  processes: number | null
  nodes: number
  /** `HOST:PORT` where the machines meet; `null` for a single machine. */
  rendezvous: string | null
  /** The same on all machines of one training. */
  jobId: string | null
}

/** What to train on which data, from which model, and how. */
export interface TrainingRequest {
  /** Folders with a `manifest.json` each. */
  shards: readonly string[]
  out: string
  modelDir: string
  config: TrainingConfig
  engine: (typeof trainingEngines)[number]
  device: 'auto' | 'cpu' | 'cuda'
  launch: LaunchOptions
  /** The interpreter, as `preparePython` returns it. */
  python: string
}

export interface TrainingContext {
  progress: Progress
  /** Asks the loop to finish its step, to save and to end. */
  signal?: AbortSignal | undefined
  /** Ends every process at once; the last checkpoint stays. */
  kill?: AbortSignal | undefined
}

/** How far a training came. */
export interface TrainingSummary {
  out: string
  /** The exported model's folder; `null` where training is not done. */
  model: string | null
  reason: 'done' | 'stopped'
  step: number
  totalSteps: number
  /** Nats per trained token of the last step; `null` where no step was ever made. */
  loss: number | null
  /** Over all starts. */
  tokens: number
  nothingToDo: boolean
}
