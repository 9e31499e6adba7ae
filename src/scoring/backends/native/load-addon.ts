import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { packageRoot } from '../../../core/index.js'
import { ScoringError } from '../../errors.js'
import type { NativeAddon } from './addon-types.js'

const expectedAbi = 1
const build = 'npm run build:native'

/** Where `npm run build:native` leaves the addon and the devices' libraries; `RETRACE_NATIVE_DIR` names another folder. */
export function nativeFolder(): string {
  return process.env.RETRACE_NATIVE_DIR ?? join(packageRoot(), 'build', 'native')
}

/** @throws ScoringError `NATIVE_NOT_BUILT`, `NATIVE_INCOMPATIBLE` */
export function loadAddon(folder = nativeFolder()): NativeAddon {
  const path = join(folder, 'retrace.node')
  if (!existsSync(path)) {
    throw new ScoringError(
      'NATIVE_NOT_BUILT',
      `The native engine is not built: there is no ${path}. Run ${build}, or score with the backend "onnx".`,
      { path },
    )
  }
  let addon: NativeAddon
  try {
    addon = createRequire(import.meta.url)(path) as NativeAddon
  } catch (cause) {
    const [reason] = (cause as Error).message.split('\n')
    throw incompatible(path, `it cannot be loaded by Node ${process.versions.node} (${reason})`, cause)
  }
  if (addon.abi === expectedAbi) return addon
  throw incompatible(path, `it was built from other sources (interface ${addon.abi}, expected ${expectedAbi})`)
}

function incompatible(path: string, why: string, cause?: unknown): ScoringError {
  const message = `${path} does not fit: ${why}. Build it again on this machine: ${build}.`
  return new ScoringError('NATIVE_INCOMPATIBLE', message, { path }, { cause })
}
