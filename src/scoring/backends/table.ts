import type { Backend, ProbeOptions } from './backend.js'
import { nativeBackend } from './native/native-backend.js'
import { onnxBackend } from './onnx/onnx-backend.js'

/** All backends by name, in the order in which `auto` tries them. The names of options, help and docs are these keys. */
export const backends = {
  native: nativeBackend,
  onnx: onnxBackend,
} as const satisfies Record<string, Backend>

export type BackendName = keyof typeof backends
export const backendNames = Object.keys(backends) as BackendName[]

/**
 * What a backend would compute on with these options, in a few words. No weights are loaded.
 *
 * @throws RetraceError where the backend, the device or the model's files cannot be used
 */
export function probeBackend(backend: BackendName, options: ProbeOptions): Promise<string> {
  return backends[backend].probe(options)
}

/** Such as `native (our engine, on the CPU or a GPU), onnx (...)`. */
export function describeBackends(): string {
  return backendNames.map((name) => `${name} (${backends[name].summary})`).join(', ')
}
