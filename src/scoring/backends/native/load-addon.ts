import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { ScoringError } from '../../errors.js'
import type { NativeAddon } from './addon-types.js'
import { whyUnusable } from './elf-file.js'
import { addonFile, nativeFolder } from './native-folders.js'

const expectedAbi = 1
/** The command that builds the engine on this machine. */
export const buildCommand = 'retrace build-native'

/** @throws ScoringError `NATIVE_NOT_BUILT`, `NATIVE_INCOMPATIBLE` */
export function loadAddon(folder = nativeFolder()): NativeAddon {
  const path = join(folder, addonFile)
  if (!existsSync(path)) {
    const why = `there is no ${path}`
    const message = `The native engine is not built: ${why}. Run ${buildCommand}, or score with the backend "onnx".`
    throw new ScoringError('NATIVE_NOT_BUILT', message, { path, why })
  }
  for (const name of readdirSync(folder)) {
    if (!/^(retrace\.node|libretrace_.*\.so)$/.test(name)) continue
    const why = whyUnusable(join(folder, name))
    if (why !== null) throw incompatible(join(folder, name), why)
  }
  let addon: NativeAddon
  try {
    addon = createRequire(import.meta.url)(path) as NativeAddon
  } catch (cause) {
    throw incompatible(path, whyNotLoaded(cause as Error), cause)
  }
  if (addon.abi === expectedAbi) return addon
  throw incompatible(path, `it was built from other sources (interface ${addon.abi}, expected ${expectedAbi})`)
}

/** The loader of the system says of an older C library: `version `GLIBC_2.38' not found (required by ...)`. */
function whyNotLoaded({ message }: Error): string {
  const [reason = ''] = message.split('\n')
  const glibc = /version .GLIBC_([\d.]+)' not found/.exec(reason)?.[1]
  if (glibc !== undefined) return `it needs glibc ${glibc}, and this system has an older one`
  return `it cannot be loaded by Node ${process.versions.node} (${reason})`
}

function incompatible(path: string, why: string, cause?: unknown): ScoringError {
  const message = `${path} does not fit: ${why}. Build it on this machine: ${buildCommand}.`
  return new ScoringError('NATIVE_INCOMPATIBLE', message, { path, why: `${path} does not fit: ${why}` }, { cause })
}
