import { closeSync, existsSync, fstatSync, openSync, readSync, readdirSync } from 'node:fs'
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
  for (const name of readdirSync(folder)) {
    if (/^(retrace\.node|libretrace_.*\.so)$/.test(name) && isCutOff(join(folder, name))) {
      throw incompatible(join(folder, name), 'it is cut off, as a copy that was interrupted leaves it')
    }
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

/**
 * Whether an ELF file ends before its table of sections, which is its last part. The loader maps what should be there
 * without looking, and touching it then ends the process with a bus error.
 */
function isCutOff(path: string): boolean {
  const file = openSync(path, 'r')
  try {
    const header = Buffer.alloc(64)
    const read = readSync(file, header, 0, header.length, 0)
    const isElf64 = read >= 4 && header.readUInt32BE(0) === 0x7f454c46 && (read < 5 || header[4] === 2)
    if (!isElf64) return false
    if (read < header.length) return true
    const sections = Number(header.readBigUInt64LE(40))
    return fstatSync(file).size < sections + header.readUInt16LE(58) * header.readUInt16LE(60)
  } finally {
    closeSync(file)
  }
}

function incompatible(path: string, why: string, cause?: unknown): ScoringError {
  const message = `${path} does not fit: ${why}. Build it again on this machine: ${build}.`
  return new ScoringError('NATIVE_INCOMPATIBLE', message, { path }, { cause })
}
