import { z } from 'zod'
import { ScoringError } from '../../errors.js'
import type { ProbeOptions } from '../backend.js'
import { loadAddon } from './load-addon.js'

const devicesSchema = z.looseObject({
  devices: z.array(z.looseObject({ name: z.string(), usable: z.boolean().optional(), reason: z.string().optional() })),
  error: z.string().optional(),
})
const foundSchema = z.looseObject({
  cpu: devicesSchema,
  cuda: devicesSchema,
  /** What the engine takes for `auto`; it alone decides. */
  auto: z.looseObject({ device: z.string(), reason: z.string() }),
})

/** The device that a scorer would compute on. @throws ScoringError as `loadAddon`, and `DEVICE_UNAVAILABLE` */
export async function probeDevice({ device, gpu }: ProbeOptions): Promise<string> {
  const { cpu, cuda, auto } = foundSchema.parse(JSON.parse(await loadAddon().probe()))
  const cpuName = cpu.devices[0]?.name ?? 'CPU'
  if (device === 'cpu') return cpuName
  if (device === 'emulated') return 'CUDA kernels, emulated on the CPU'
  if (device === 'auto' && auto.device === 'cpu') return `${cpuName}; ${auto.reason}`
  const card = cuda.devices[gpu]
  if (card !== undefined && card.usable !== false) return `GPU ${gpu}: ${card.name}`
  const why = card?.reason ?? cuda.error ?? `there is no GPU ${gpu}, of ${cuda.devices.length}`
  throw new ScoringError('DEVICE_UNAVAILABLE', `The device cuda cannot be used: ${why}`, { gpu })
}
