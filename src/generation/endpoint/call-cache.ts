import { mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import {
  canonicalJson,
  digestOf,
  isLockHeld,
  readFileIfPresent,
  takeLockFile,
  touchLockFile,
  writeFileAtomic,
} from '../../core/index.js'
import { callSchema, type Call } from '../../records/index.js'

/** How often the holder of a lock touches it. */
export const lockTouchMs = 20_000
/** A lock of another machine that was not touched for this long no longer counts. */
const maxLockAgeMs = 300_000

/** The lock of a key: while it is held, nobody else makes that call. */
export interface KeyLock {
  /** Shows other machines that the call is still under way. */
  touch(): void
  release(): void
}

/**
 * Every answer under the digest of its request: one file `ab/<key>.json` each, whole or absent, and beside it
 * `ab/<key>.lock` while the call is made. All runs and processes share it; it holds no address and no key of a server.
 */
export class CallCache {
  readonly #folder: string

  constructor(folder: string) {
    this.#folder = folder
  }

  /** The call of this key; `null` if there is none, or if its file was cut or belongs to another request. */
  read(key: string): Call | null {
    const bytes = readFileIfPresent(this.#pathOf(key, 'json'))
    if (bytes === null) return null
    let value: unknown
    try {
      value = JSON.parse(bytes.toString('utf8'))
    } catch {
      return null
    }
    const { data } = callSchema.safeParse(value)
    return data !== undefined && data.key === key && digestOf(data.request) === key ? data : null
  }

  /** Keeps a call; it is on the disk when this returns. */
  write(call: Call): void {
    writeFileAtomic(this.#pathOf(call.key, 'json'), canonicalJson(call) + '\n')
  }

  isLocked(key: string): boolean {
    return isLockHeld(this.#pathOf(key, 'lock'), maxLockAgeMs)
  }

  /** Locks a key; `null` if another process, or another call of this process, has locked it. */
  lock(key: string): KeyLock | null {
    const path = this.#pathOf(key, 'lock')
    mkdirSync(dirname(path), { recursive: true })
    const release = takeLockFile(path, maxLockAgeMs)
    return release === null ? null : { release, touch: () => touchLockFile(path) }
  }

  #pathOf(key: string, ending: 'json' | 'lock'): string {
    return join(this.#folder, key.slice(0, 2), `${key}.${ending}`)
  }
}
