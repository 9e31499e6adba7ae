import { parseConfig } from '../core/index.js'
import { createOnnxScorer } from './backends/onnx/onnx-scorer.js'
import { scorerOptionsSchema, type ScorerOptions } from './options.js'
import type { Scorer } from './scorer.js'

/** Backends by name. */
const makers = { onnx: createOnnxScorer }

/**
 * Makes a scorer and loads its model. Dispose of it when done; it owns a process.
 *
 * @throws CoreError `CONFIG_INVALID`; ScoringError `MODEL_MISSING_FILE`, `MODEL_INVALID`, `MODEL_UNSUPPORTED`,
 * `NOT_FINITE`, `BACKEND_DIED`
 */
export async function createScorer(options: ScorerOptions): Promise<Scorer> {
  const checked = parseConfig(scorerOptionsSchema, options, 'The scorer options')
  return makers[checked.backend](checked)
}
