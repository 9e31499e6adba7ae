import type { Language, SkippedFile } from '../../records/index.js'
import { settleHeaderLanguages } from '../languages/c/header-language.js'
import { byCodeUnits, languageOf } from '../languages/language-of.js'
import type { GroundingOptions } from '../options.js'
import type { InputEntry, RepositoryInput } from '../input/repository-input.js'
import { judgeSecrets } from './secrets.js'
import { compiledFileJudge, judgeByName, judgeByText, vendoredPart, type Verdict } from './skip-rules.js'

/** A file that stays in the snapshot. */
export interface SelectedFile {
  path: string
  language: Language
  bytes: Uint8Array
  /** The same bytes as text; decoding is exact. */
  text: string
}

/** Decides which files stay, by name, by company, then by content; whatever goes is listed with its reason. */
export function selectFiles(
  input: RepositoryInput,
  options: GroundingOptions,
): { files: SelectedFile[]; skipped: SkippedFile[] } {
  const skipped = new Map(input.skipped.map((file) => [file.path, file]))
  const skip = (path: string, verdict: NonNullable<Verdict>): void => void skipped.set(path, { path, ...verdict })

  const named = input.entries.filter((entry) => {
    const folder = vendoredPart(entry.path)
    if (folder !== undefined) {
      skip(folder, { reason: 'vendored', detail: "a folder of other people's code or of a tool" })
      return false
    }
    const verdict = judgePlace(entry, options) ?? judgeByName(entry.path, entry.sizeBytes, options)
    if (verdict !== null) skip(entry.path, verdict)
    return verdict === null
  })

  const judgeCompiled = compiledFileJudge(
    named.map((entry) => entry.path),
    new Set(input.entries.map((entry) => entry.path)),
  )
  const files: SelectedFile[] = []
  let totalBytes = 0
  for (const entry of named.sort((a, b) => byCodeUnits(a.path, b.path))) {
    const verdict = judgeCompiled(entry.path) ?? judgeRoom(entry, files.length, totalBytes, options)
    const file = verdict ?? readText(entry, options)
    if ('reason' in file) skip(entry.path, file)
    else {
      files.push(file)
      totalBytes += file.bytes.length
    }
  }
  settleHeaderLanguages(files)
  return { files, skipped: [...skipped.values()].sort((a, b) => byCodeUnits(a.path, b.path)) }
}

function judgePlace(entry: InputEntry, options: GroundingOptions): Verdict {
  if (entry.path.split('/').length - 1 <= options.maxDepth) return null
  return { reason: 'too-deep', detail: `more than ${options.maxDepth} folders deep (maxDepth)` }
}

function judgeRoom(entry: InputEntry, files: number, totalBytes: number, options: GroundingOptions): Verdict {
  if (files >= options.maxFiles) {
    return { reason: 'too-many-files', detail: `${files} files were kept before it (maxFiles)` }
  }
  if (totalBytes + entry.sizeBytes <= options.maxTotalBytes) return null
  return {
    reason: 'oversized',
    detail: `${entry.sizeBytes} bytes on top of ${totalBytes} bytes kept, over the bound of ${options.maxTotalBytes} bytes (maxTotalBytes)`,
  }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function readText(entry: InputEntry, options: GroundingOptions): SelectedFile | NonNullable<Verdict> {
  const language = languageOf(entry.path)
  const bound = language === 'text' ? options.maxTextSizeBytes : options.maxFileSizeBytes
  const bytes = entry.read(bound)
  if ('unreadable' in bytes) return { reason: 'unreadable', detail: bytes.unreadable }
  if (bytes.length > bound) return { reason: 'oversized', detail: `it grew over ${bound} bytes while it was read` }
  const nul = bytes.indexOf(0)
  if (nul >= 0) return { reason: 'binary', detail: `a NUL byte at offset ${nul}, ${bytes.length} bytes in all` }
  let text: string
  try {
    text = strictUtf8.decode(bytes)
  } catch {
    return { reason: 'invalid-utf8', detail: `${bytes.length} bytes that are not UTF-8` }
  }
  return judgeSecrets(text) ?? judgeByText(entry.path, text, options) ?? { path: entry.path, language, bytes, text }
}
