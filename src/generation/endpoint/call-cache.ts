import { existsSync, mkdirSync, readFileSync } from 'node:fs'
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
import { answerFormats, type AnswerFormat } from './options.js'

/** How often a holder says that it lives, and how long one on another machine is believed without. */
export const lockBeatMs = 20_000
const maxSilenceMs = 300_000

/** A key that is being asked for: nobody else asks while it is held. */
export interface HeldKey {
  /** Tells other machines that the call is still under way. */
  touch(): void
  letGo(): void
}

/**
 * Every answer by the digest of its request: a file `ab/<key>.json` for each, whole or not there, and beside it
 * `ab/<key>.lock` while somebody asks. Runs and processes share it; the address and the key of a server are not in it.
 */
export class CallCache {
  constructor(private readonly folder: string) {}

  /** The call of this key; `null` where it is not there, or where its file was cut or is that of another request. */
  read(key: string): Call | null {
    const bytes = readFileIfPresent(this.pathOf(key, 'json'))
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

  /** Keeps a call; it is on disk when this returns. */
  write(call: Call): void {
    writeFileAtomic(this.pathOf(call.key, 'json'), canonicalJson(call) + '\n')
  }

  isHeld(key: string): boolean {
    return isLockHeld(this.pathOf(key, 'lock'), maxSilenceMs)
  }

  /** Takes a key for this process; `null` where another asks for it, or another call of this process does. */
  take(key: string): HeldKey | null {
    const path = this.pathOf(key, 'lock')
    mkdirSync(dirname(path), { recursive: true })
    const letGo = takeLockFile(path, maxSilenceMs)
    return letGo === null ? null : { letGo, touch: () => touchLockFile(path) }
  }

  private pathOf(key: string, ending: 'json' | 'lock'): string {
    return join(this.folder, key.slice(0, 2), `${key}.${ending}`)
  }
}

/** The answer format that a server takes of a model, learned once and kept beside the calls. */
export class FormatMemory {
  private readonly path: string

  constructor(
    folder: string,
    private readonly server: { baseUrl: string; model: string },
  ) {
    this.path = join(folder, 'formats', `${digestOf({ baseUrl: server.baseUrl, model: server.model })}.json`)
  }

  /** `null` where nothing was learned, or where the file is not one that this wrote. */
  recall(): AnswerFormat | null {
    if (!existsSync(this.path)) return null
    try {
      const { format } = JSON.parse(readFileSync(this.path, 'utf8')) as { format?: unknown }
      return answerFormats.find((known) => known === format) ?? null
    } catch {
      return null
    }
  }

  remember(format: AnswerFormat): void {
    const { baseUrl, model } = this.server
    writeFileAtomic(this.path, canonicalJson({ baseUrl, model, format }) + '\n')
  }
}
