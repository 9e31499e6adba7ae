import { accessSync, constants, existsSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve, sep } from 'node:path'
import { packageRoot } from '../../../core/index.js'

export const addonFile = 'retrace.node'

/** The system and processor that a native file is built for, such as `linux-x64`. */
const platform = `${process.platform}-${process.arch}`

/** Where `npm run build:native` builds in a checkout. */
const buildFolder = (): string => join(packageRoot(), 'build', 'native')

/** Where `retrace build-native` builds when the package itself must not be written to. Each version has its own. */
function cacheFolder(): string {
  const cache = process.env.XDG_CACHE_HOME || join(homedir(), '.cache')
  const { version } = JSON.parse(readFileSync(join(packageRoot(), 'package.json'), 'utf8')) as { version: string }
  return join(cache, 'retrace', 'native', `${version}-${platform}`)
}

/** The addon that the package brings with it: the CPU engine alone. */
const prebuiltFolder = (): string => join(packageRoot(), 'prebuilds', platform)

/**
 * The folder with the addon and the libraries of its devices: `RETRACE_NATIVE_DIR` where it is set, else the first that
 * holds an addon. What was built on this machine comes before what the package brought.
 */
export function nativeFolder(): string {
  if (process.env.RETRACE_NATIVE_DIR) return resolve(process.env.RETRACE_NATIVE_DIR)
  const folders = [buildFolder(), cacheFolder(), prebuiltFolder()]
  return folders.find((folder) => existsSync(join(folder, addonFile))) ?? buildFolder()
}

/** Where the engine is to be built, so that `nativeFolder` finds it. */
export function nativeBuildFolder(): string {
  if (process.env.RETRACE_NATIVE_DIR) return resolve(process.env.RETRACE_NATIVE_DIR)
  const root = packageRoot()
  const isInstalled = root.split(sep).includes('node_modules')
  return isInstalled || !isWritable(root) ? cacheFolder() : buildFolder()
}

function isWritable(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}
