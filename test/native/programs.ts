import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { nativeFolder } from '../../src/scoring/backends/native/native-folders.js'

/** Where `npm run build:native` leaves the C++ tests. */
export const programFolder = join(nativeFolder(), 'tests')

/** The C++ test programs that are built. */
export function nativePrograms(): string[] {
  if (!existsSync(programFolder)) return []
  return readdirSync(programFolder)
    .filter((name) => /_test$/.test(name))
    .sort()
}
