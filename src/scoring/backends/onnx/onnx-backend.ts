import type { BackendSettings } from '../../settings.js'
import type { Backend, Refusal } from '../backend.js'
import { installCommand, whyNoOnnxRuntime } from './load-onnxruntime.js'
import { createOnnxScorer, probeOnnx } from './onnx-scorer.js'

/** ONNX Runtime on the CPU, in a process of its own. */
export const onnxBackend: Backend = {
  summary: 'ONNX Runtime, on the CPU',
  install: installCommand,

  refuse: ({ device, precision, kernels }) => {
    const refusals: Refusal[] = []
    const refuse = (key: keyof BackendSettings, message: string): void => {
      refusals.push({ key, message: `the onnx backend ${message}; use the backend "native"` })
    }
    if (device !== 'auto' && device !== 'cpu') refuse('device', `computes on the CPU only, not on ${device}`)
    if (precision === 'bfloat16') refuse('precision', 'computes in float32 only')
    if (kernels !== 'auto') refuse('kernels', 'has no choice of kernels')
    return refusals
  },

  whyUnavailable: whyNoOnnxRuntime,

  probe: probeOnnx,

  create: createOnnxScorer,
}
