import { seededRandom } from '../../core/index.js'
import { codeFileSegments } from '../../rendering/index.js'
import type { FileRecord } from '../../records/index.js'
import { isCode, type TaskSource } from './tasks.js'

/** A file, or its first lines, as it stands in a document. */
export interface HaystackPiece {
  text: string
  ids: number[]
}

/** Sizes of files that a needle is hidden among: smaller files say too little, larger ones are mostly data. */
const [minFileBytes, maxFileBytes] = [200, 65_536]
const maxFiles = 5000

/** Real code to hide a needle in: the files of all repositories of a run. */
export class Haystack {
  readonly #files: readonly FileRecord[]
  readonly #source: TaskSource

  constructor(source: TaskSource) {
    const { repositories, seed } = source
    this.#source = source
    const all = repositories.ids.flatMap((id) => repositories.snapshot(id).files.filter(isHaystackFile))
    this.#files = seededRandom('haystack', seed).shuffled(all).slice(0, maxFiles)
  }

  /**
   * Pieces that together have nearly a number of tokens, in an order that depends on the name. Each has an eighth of the
   * tokens at most, so that there are places between them; a quarter or a half where eighths do not fill them. `null`
   * where there is too little code.
   */
  fill(tokens: number, ...name: readonly (string | number)[]): HaystackPiece[] | null {
    const files = seededRandom('haystack', this.#source.seed, ...name).shuffled(this.#files)
    for (const parts of [8, 4, 2]) {
      const pieces = this.#fillFrom(files, tokens, Math.max(64, Math.floor(tokens / parts)))
      if (pieces !== null) return pieces
    }
    return null
  }

  #fillFrom(files: readonly FileRecord[], tokens: number, largest: number): HaystackPiece[] | null {
    const pieces: HaystackPiece[] = []
    const paths = new Set<string>()
    let left = tokens
    for (const file of files) {
      if (left < minPieceTokens) break
      if (paths.has(file.path)) continue
      const piece = this.#piece(file, Math.min(largest, left))
      if (piece === null) continue
      paths.add(file.path)
      pieces.push(piece)
      left -= piece.ids.length
    }
    return left > tokens / 5 ? null : pieces
  }

  /** As many whole lines of a file as fit, under its path. */
  #piece(file: FileRecord, maxTokens: number): HaystackPiece | null {
    const text = this.#source.repositories.text(file)
    let end = text.length <= maxTokens * 8 ? text.length : afterLine(text, maxTokens * 8)
    // Each round cuts the text to the share that fits, so there are only a few.
    while (end > 0) {
      const segments = codeFileSegments(file.path, text.slice(0, end))
      const ids = this.#source.tokenizer.encodeSegments(segments).flatMap((part) => [...part])
      if (ids.length <= maxTokens) return { text: segments.map((segment) => segment.text).join(''), ids }
      end = afterLine(text, Math.min(end - 1, Math.floor((end * maxTokens) / ids.length)))
    }
    return null
  }
}

/** In fewer tokens a path and a line do not fit. */
const minPieceTokens = 24

function isHaystackFile(file: FileRecord): boolean {
  return isCode(file) && file.sizeBytes >= minFileBytes && file.sizeBytes <= maxFileBytes
}

/** The end of the last whole line that ends at or before `at`. */
function afterLine(text: string, at: number): number {
  return at <= 0 ? 0 : text.lastIndexOf('\n', at - 1) + 1
}
