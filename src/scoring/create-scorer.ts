import { parseConfig } from '../core/index.js'
import { createNativeScorer } from './backends/native/native-scorer.js'
import { createOnnxScorer } from './backends/onnx/onnx-scorer.js'
import { scorerOptionsSchema, type ScorerOptions } from './options.js'
import type { ModelInfo, Scorer } from './scorer.js'

/** Backends by name. */
const makers = { onnx: createOnnxScorer, native: createNativeScorer }

/**
 * Makes a scorer and loads its model. Dispose of it when done: with `onnx` it owns a process, with `native` a share of an
 * engine.
 *
 * @throws CoreError `CONFIG_INVALID`; ScoringError `MODEL_MISSING_FILE`, `MODEL_INVALID`, `MODEL_UNSUPPORTED`,
 * `NOT_FINITE`; of `onnx` `BACKEND_DIED`; of `native` `NATIVE_NOT_BUILT`, `NATIVE_INCOMPATIBLE`, `DEVICE_UNAVAILABLE`,
 * `OUT_OF_MEMORY`
 */
export async function createScorer(options: ScorerOptions): Promise<Scorer> {
  const checked = parseConfig(scorerOptionsSchema, options, 'The scorer options')
  return makers[checked.backend](checked)
}

/** What a scorer computes on and with, in a line for people. */
export function describeDevice({ device, dtype, deviceReason }: ModelInfo): string {
  return `${device}, ${dtype}${deviceReason === null ? '' : ` (${deviceReason})`}`
}
