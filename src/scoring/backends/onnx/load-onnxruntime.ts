import { createRequire } from 'node:module'
import { ScoringError } from '../../errors.js'

const packageName = 'onnxruntime-node'
export const installCommand = `npm install ${packageName}`

/** What of the package is used here. */
export type OnnxRuntime = Pick<typeof import('onnxruntime-node'), 'InferenceSession' | 'Tensor'>

/**
 * Environment in which ONNX Runtime sends and keeps nothing: without it, loading the library makes a device id and a
 * database of events below `~/.cache/Microsoft`. It must be set before the library is loaded.
 */
export const withoutTelemetry = { ORT_DISABLE_TELEMETRY: '1' }

/** Why ONNX Runtime cannot be used here; `null` where its package is installed. The library is not loaded. */
export function whyNoOnnxRuntime(): ScoringError | null {
  try {
    createRequire(import.meta.url).resolve(packageName)
    return null
  } catch (cause) {
    return missing('is not installed', cause)
  }
}

/** @throws ScoringError `BACKEND_MISSING` */
export async function loadOnnxRuntime(): Promise<OnnxRuntime> {
  try {
    return await import('onnxruntime-node')
  } catch (cause) {
    const [reason] = (cause as Error).message.split('\n')
    throw whyNoOnnxRuntime() ?? missing(`cannot be loaded (${reason})`, cause)
  }
}

function missing(what: string, cause: unknown): ScoringError {
  const why = `${packageName} ${what}`
  const message = `The backend "onnx" cannot be used: ${why}. Run ${installCommand}, or score with --backend native.`
  return new ScoringError('BACKEND_MISSING', message, { why }, { cause })
}
