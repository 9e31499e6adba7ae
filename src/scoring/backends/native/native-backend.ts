import { ScoringError } from '../../errors.js'
import type { Backend } from '../backend.js'
import { buildCommand, loadAddon } from './load-addon.js'
import { createNativeScorer } from './native-scorer.js'
import { probeDevice } from './probe-device.js'

/**
 * The engine in `native/`, in this process. Its scores do not depend in a single bit on what is scored together, in
 * which order, or what is in the cache.
 */
export const nativeBackend: Backend = {
  summary: 'our engine, on the CPU or a GPU',
  install: buildCommand,

  refuse: ({ cacheMiB }) =>
    cacheMiB === 0
      ? [{ key: 'cacheMiB', message: 'the native backend cannot do without; leave it out for the default' }]
      : [],

  whyUnavailable: () => {
    try {
      loadAddon()
      return null
    } catch (error) {
      if (error instanceof ScoringError) return error
      throw error
    }
  },

  probe: probeDevice,

  create: createNativeScorer,
}
