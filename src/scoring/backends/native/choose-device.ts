import { z } from 'zod'
import type { CheckedScorerOptions } from '../../options.js'

type Device = CheckedScorerOptions['device']

const probeSchema = z.looseObject({
  cuda: z.looseObject({ count: z.int(), error: z.string().optional() }),
})

/**
 * The device that an option comes to, and why where it was left open. Deciding it here, and not in the engine, lets
 * scorers that ask for `auto` and for the device by name share one engine.
 *
 * @param probed what the addon's `probe` answered
 */
export function chooseDevice(asked: Device, probed: string): { device: Device; reason: string | null } {
  if (asked !== 'auto') return { device: asked, reason: null }
  const { cuda } = probeSchema.parse(JSON.parse(probed))
  if (cuda.count > 0) return { device: 'cuda', reason: 'a usable GPU was found' }
  const why = cuda.error ?? 'none was found'
  return { device: 'cpu', reason: `no GPU can be used: ${why.replace(/\.$/, '')}` }
}
