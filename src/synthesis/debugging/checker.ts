import { sha256Hex } from '../../core/index.js'
import type { Disk } from '../disk.js'
import { checkTable } from './checks/check-table.js'
import { checkSyntax } from './checks/syntax.js'
import { exportsOf, type FileExports } from './file-exports.js'
import { functionsOf } from './functions.js'
import { importedFunctions, resolveImports } from './imports.js'
import { knownCalls } from './known-calls.js'
import { LruCache } from './lru-cache.js'
import { namesOf } from './names.js'
import { countOf, type Problem } from './problem.js'
import { readSource, type Source } from './source.js'

/** What the `Check` tool shows. Its text depends on the path and the files written so far, and on nothing else. */
export interface CheckResult {
  /** UTF-8 text as an agent sees it; it ends with a line end. */
  output: string
  /** How many problems the check found. */
  problems: number
}

/** Looks for what is wrong with a file by reading it and the files it imports. It runs nothing of a repository. */
export interface Checker {
  check(path: string, disk: Disk): Promise<CheckResult>
}

/** A longer file is not checked; the output says so. */
const maxCheckedBytes = 200_000
/** Past this many problems, the output only gives the number of the others. */
const maxListedProblems = 12
const maxCachedExports = 2_000

export function createChecker(): Checker {
  const cache = new LruCache<FileExports | null>(maxCachedExports)
  // One check at a time: the files of a repository are synthesized concurrently, and without this their syntax trees
  // would be in memory together.
  let lastCheck: Promise<unknown> = Promise.resolve()
  const readExports: ReadExports = async (path, disk) => {
    const bytes = disk.get(path)
    if (bytes === undefined || bytes.length > maxCheckedBytes) return null
    return cache.get(`${sha256Hex(bytes)} ${path}`, async () => {
      const text = decodeUtf8(bytes)
      const source = text === null ? null : await readSource(path, text)
      return source === null ? null : exportsOf(source)
    })
  }
  return {
    check(path, disk) {
      const next = lastCheck.then(() => checkFile(path, disk, readExports))
      lastCheck = next.catch(() => undefined)
      return next
    },
  }
}

/** Reads what a written file exports; `null` if there is no such file, or it cannot be read. */
type ReadExports = (path: string, disk: Disk) => Promise<FileExports | null>

async function checkFile(path: string, disk: Disk, readExports: ReadExports): Promise<CheckResult> {
  const bytes = disk.get(path)
  if (bytes === undefined) return resultOf(path, [{ line: 1, text: 'there is no such file' }])
  if (bytes.length > maxCheckedBytes) {
    return { output: `${quotePath(path)} has ${bytes.length} bytes, too many to check\n`, problems: 0 }
  }
  const text = decodeUtf8(bytes)
  if (text === null) return resultOf(path, [{ line: 1, text: 'the file is not UTF-8' }])
  const source = await readSource(path, text)
  if (source === null) return resultOf(path, [])
  const syntaxProblems = checkSyntax(source)
  return resultOf(path, syntaxProblems.length > 0 ? syntaxProblems : await checkMeaning(source, disk, readExports))
}

/** The problems of a file that parses. */
async function checkMeaning(source: Source, disk: Disk, readExports: ReadExports): Promise<Problem[]> {
  const imports = await resolveImports(source, disk)
  const exports = new Map<string, FileExports>()
  for (const { target } of imports) {
    const fileExports = target.kind === 'file' ? await readExports(target.path, disk) : null
    if (target.kind === 'file' && fileExports !== null) exports.set(target.path, fileExports)
  }
  const names = namesOf(source)
  const calls = knownCalls(source, functionsOf(source, names), importedFunctions(source, names, imports, exports))
  return checkTable.flatMap((check) => check({ source, disk, imports, exports, names, calls }))
}

function resultOf(path: string, problems: readonly Problem[]): CheckResult {
  const sorted = [...problems].sort(byLine)
  const lines = [...new Set(sorted.map(({ line, text }) => `${quotePath(path)}:${line}: ${text}`))]
  if (lines.length === 0) return { output: `no problems found in ${quotePath(path)}\n`, problems: 0 }
  const listed = lines.slice(0, maxListedProblems)
  const more = lines.length > listed.length ? [`and ${lines.length - listed.length} more`] : []
  return {
    output: [...listed, ...more, `${countOf(lines.length, 'problem')} found in ${quotePath(path)}`, ''].join('\n'),
    problems: lines.length,
  }
}

const byLine = (a: Problem, b: Problem): number => a.line - b.line || (a.text < b.text ? -1 : a.text > b.text ? 1 : 0)

/** A path as it is, or as a JSON string if it holds control characters such as line ends. */
const quotePath = (path: string): string => (/\p{Cc}/u.test(path) ? JSON.stringify(path) : path)

/** `null` if the bytes are not UTF-8. */
function decodeUtf8(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}
