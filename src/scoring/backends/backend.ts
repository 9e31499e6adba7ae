import type { ScoringError } from '../errors.js'
import type { Scorer } from '../scorer.js'
import type { BackendOptions, BackendSettings } from '../settings.js'

/** A setting that a backend cannot honour. */
export interface Refusal {
  key: keyof BackendSettings
  message: string
}

export type ProbeOptions = Pick<BackendOptions, 'modelDir' | 'device' | 'gpu'>

/** One way to compute log-likelihoods. */
export interface Backend {
  /** A few words about it, for the help of the command line and for the docs. */
  summary: string
  /** The settings that it cannot honour, on any machine. */
  refuse(settings: BackendSettings): Refusal[]
  /** The command that makes it available. */
  install: string
  /** Why it cannot be loaded on this machine, with the next step, and the reason alone in `details.why`; `null` where it can. */
  whyUnavailable(): ScoringError | null
  /**
   * What it would compute on, in a few words. Loads its library and no weights.
   *
   * @throws RetraceError where the backend, the device or the model's files cannot be used
   */
  probe(options: ProbeOptions): Promise<string>
  /** Makes a scorer and loads its model. */
  create(options: BackendOptions): Promise<Scorer>
}
