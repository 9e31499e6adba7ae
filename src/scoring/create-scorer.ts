import { parseConfig } from '../core/index.js'
import { backends } from './backends/table.js'
import { chooseBackend } from './choose-backend.js'
import { scorerOptionsSchema, type ScorerOptions } from './options.js'
import type { ModelInfo, Scorer } from './scorer.js'

/**
 * Makes a scorer and loads its model. Dispose of it when done: with `onnx` it owns a process, with `native` a share of an
 * engine.
 *
 * @throws CoreError `CONFIG_INVALID`; ModelError where the model cannot be used; ScoringError `NOT_FINITE`,
 * `BACKEND_MISSING`, `BACKEND_DIED`, `NATIVE_NOT_BUILT`, `NATIVE_INCOMPATIBLE`, `DEVICE_UNAVAILABLE`, `OUT_OF_MEMORY`
 */
export async function createScorer(options: ScorerOptions): Promise<Scorer> {
  const checked = parseConfig(scorerOptionsSchema, options, 'The scorer options')
  return backends[chooseBackend(checked).backend].create(checked)
}

/** What a scorer computes on and with, in a line for people. */
export function describeDevice({ device, dtype, deviceReason }: ModelInfo): string {
  return `${device}, ${dtype}${deviceReason === null ? '' : ` (${deviceReason})`}`
}
