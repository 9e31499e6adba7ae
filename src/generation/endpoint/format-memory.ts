import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { canonicalJson, digestOf, writeFileAtomic } from '../../core/index.js'
import { answerFormats, type AnswerFormat } from './options.js'

/** The answer format that a server accepts for a model: learned once, and kept beside the calls. */
export class FormatMemory {
  readonly #path: string
  readonly #server: { baseUrl: string; model: string }

  constructor(folder: string, { baseUrl, model }: { baseUrl: string; model: string }) {
    this.#server = { baseUrl, model }
    this.#path = join(folder, 'formats', `${digestOf(this.#server)}.json`)
  }

  /** `null` if nothing was learned, or the file is not one that this class wrote. */
  recall(): AnswerFormat | null {
    if (!existsSync(this.#path)) return null
    try {
      const { format } = JSON.parse(readFileSync(this.#path, 'utf8')) as { format?: unknown }
      return answerFormats.find((known) => known === format) ?? null
    } catch {
      return null
    }
  }

  remember(format: AnswerFormat): void {
    writeFileAtomic(this.#path, canonicalJson({ ...this.#server, format }) + '\n')
  }
}
