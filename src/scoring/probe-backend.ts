import { createRequire } from 'node:module'
import { z } from 'zod'
import { loadAddon } from './backends/native/load-addon.js'
import { ScoringError } from './errors.js'
import { readModelFiles } from './model-files.js'
import type { CheckedScorerOptions } from './options.js'

type ProbeOptions = Pick<CheckedScorerOptions, 'modelDir' | 'device' | 'gpu'>

/** By backend, what shows cheaply that it can be used: its library is loaded, and no weights. */
const probes = {
  onnx: probeOnnx,
  native: probeNative,
} satisfies Record<CheckedScorerOptions['backend'], (options: ProbeOptions) => Promise<string>>

export type BackendName = keyof typeof probes
export const backendNames = Object.keys(probes) as BackendName[]

/**
 * Finds out whether a backend and its device can be used on this machine, and gives what it would compute on.
 *
 * @throws ScoringError `NATIVE_NOT_BUILT`, `NATIVE_INCOMPATIBLE`, `DEVICE_UNAVAILABLE`, `BACKEND_MISSING`, and what the
 * backend says of the model's files
 */
export async function probeBackend(backend: BackendName, options: ProbeOptions): Promise<string> {
  return probes[backend](options)
}

const library = 'onnxruntime-node'

async function probeOnnx({ modelDir }: ProbeOptions): Promise<string> {
  try {
    createRequire(import.meta.url).resolve(library)
  } catch (cause) {
    const message = `The backend "onnx" needs ${library}, which is not installed. Run npm install ${library}.`
    throw new ScoringError('BACKEND_MISSING', message, {}, { cause })
  }
  readModelFiles(modelDir)
  return Promise.resolve('ONNX Runtime on the CPU')
}

const devicesSchema = z.looseObject({
  devices: z.array(z.looseObject({ name: z.string(), usable: z.boolean().optional(), reason: z.string().optional() })),
  error: z.string().optional(),
})
const foundSchema = z.looseObject({ cpu: devicesSchema, cuda: devicesSchema })

async function probeNative({ device, gpu }: ProbeOptions): Promise<string> {
  const { cpu, cuda } = foundSchema.parse(JSON.parse(await loadAddon().probe()))
  const cpuName = cpu.devices[0]?.name ?? 'CPU'
  if (device === 'cpu') return cpuName
  if (device === 'emulated') return 'CUDA kernels, emulated on the CPU'
  const card = cuda.devices[gpu]
  if (card !== undefined && card.usable !== false) return `GPU ${gpu}: ${card.name}`
  const why = card?.reason ?? cuda.error ?? `there is no GPU ${gpu}, of ${cuda.devices.length}`
  if (device === 'auto') return `${cpuName}; no GPU can be used: ${why.replace(/\.$/, '')}`
  throw new ScoringError('DEVICE_UNAVAILABLE', `The device cuda cannot be used: ${why}`, { gpu })
}
