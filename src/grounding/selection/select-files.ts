import type { SkippedFile } from '../../records/index.js'
import { counted } from '../counted.js'
import { settleHeaderLanguages } from '../languages/c/header-language.js'
import { languageOf } from '../languages/language-of.js'
import type { Language } from '../languages/table.js'
import type { GroundingOptions } from '../options.js'
import { byCodeUnits } from '../order/code-units.js'
import type { CandidateFile } from './candidate-file.js'
import { compiledFileJudge } from './compiled-files.js'
import { judgeByName, tooDeepVerdict, vendoredPart, vendoredVerdict } from './name-rules.js'
import { judgeSecrets } from './secrets.js'
import { judgeByText } from './text-rules.js'
import type { Verdict } from './verdict.js'

/** A file that stays in the snapshot. */
export interface SelectedFile {
  path: string
  language: Language
  bytes: Uint8Array
  /** The same bytes as text; decoding is exact. */
  text: string
}

interface Selection {
  files: SelectedFile[]
  skipped: SkippedFile[]
}

/** Decides which files stay: by name, by the other files, then by content. Lists all others with the reason. */
export function selectFiles(
  input: { entries: readonly CandidateFile[]; skipped: readonly SkippedFile[] },
  options: GroundingOptions,
): Selection {
  const skipped = new Map(input.skipped.map((file) => [file.path, file]))
  const skip = (path: string, verdict: NonNullable<Verdict>): void => void skipped.set(path, { path, ...verdict })

  const named = input.entries.filter((entry) => {
    const folder = vendoredPart(entry.path)
    if (folder !== undefined) {
      skip(folder, vendoredVerdict)
      return false
    }
    const verdict = judgeDepth(entry, options) ?? judgeByName(entry.path, entry.sizeBytes, options)
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
    const verdict = judgeCompiled(entry.path) ?? judgeBounds(entry, files.length, totalBytes, options)
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

function judgeDepth(entry: CandidateFile, options: GroundingOptions): Verdict {
  return entry.path.split('/').length - 1 <= options.maxDepth ? null : tooDeepVerdict(options)
}

/** Skips a file for which the bounds of the whole snapshot leave no room. */
function judgeBounds(entry: CandidateFile, kept: number, totalBytes: number, options: GroundingOptions): Verdict {
  if (kept >= options.maxFiles) {
    const detail = `${counted(kept, 'file was', 'files were')} kept before it (maxFiles)`
    return { reason: 'too-many-files', detail }
  }
  if (totalBytes + entry.sizeBytes <= options.maxTotalBytes) return null
  const detail =
    `${counted(entry.sizeBytes, 'byte')} on top of ${counted(totalBytes, 'byte')} kept, ` +
    `over the bound of ${counted(options.maxTotalBytes, 'byte')} (maxTotalBytes)`
  return { reason: 'oversized', detail }
}

const strictUtf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

function readText(entry: CandidateFile, options: GroundingOptions): SelectedFile | NonNullable<Verdict> {
  const language = languageOf(entry.path)
  const bound = language === 'text' ? options.maxTextSizeBytes : options.maxFileSizeBytes
  const bytes = entry.read(bound)
  if ('unreadable' in bytes) return { reason: 'unreadable', detail: bytes.unreadable }
  if (bytes.length > bound) {
    return { reason: 'oversized', detail: `it grew over ${counted(bound, 'byte')} while it was read` }
  }
  const nul = bytes.indexOf(0)
  if (nul >= 0) {
    return { reason: 'binary', detail: `a NUL byte at offset ${nul}, ${counted(bytes.length, 'byte')} in all` }
  }
  let text: string
  try {
    text = strictUtf8.decode(bytes)
  } catch {
    const detail = `${counted(bytes.length, 'byte that is', 'bytes that are')} not UTF-8`
    return { reason: 'invalid-utf8', detail }
  }
  return judgeSecrets(text) ?? judgeByText(entry.path, text, options) ?? { path: entry.path, language, bytes, text }
}
