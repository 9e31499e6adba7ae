import { sha256Hex } from '../../core/index.js'
import type { Disk } from '../disk.js'
import { checkArguments } from './checks/arguments.js'
import { checkAwaits } from './checks/awaits.js'
import { checkImports } from './checks/imports.js'
import { checkLoops } from './checks/loops.js'
import { checkNames } from './checks/names.js'
import { checkReturns } from './checks/returns.js'
import { checkSlips } from './checks/slips.js'
import { checkStandardImports } from './checks/standard-imports.js'
import { checkSyntax } from './checks/syntax.js'
import { faceOf, type Face } from './face.js'
import { functionsOf, knownCalls } from './functions.js'
import { importedFunctions, resolveImports } from './imports.js'
import { namesOf } from './names.js'
import { countOf, type Problem } from './problem.js'
import { createRecent } from './recent.js'
import { readSource, type Source } from './source.js'

/** What the `Check` tool says. Its words depend on the path and the files written so far, and on nothing else. */
export interface CheckResult {
  /** UTF-8 text as an agent sees it, with a line end at its end. */
  output: string
  /** How many problems it tells of. */
  problems: number
}

/** Looks for what is wrong with a file by reading it and what it imports; nothing of a repository is run. */
export interface Checker {
  check(path: string, disk: Disk): Promise<CheckResult>
}

/** A longer file is answered with a line that says so. */
export const maxCheckedBytes = 200_000
/** Problems that are told one by one. */
const maxProblems = 12

export function createChecker(): Checker {
  const faces = createRecent<Face | null>(2_000)
  /** One at a time: a repository's files are thought of all at once, and their trees would stand in memory together. */
  let last: Promise<unknown> = Promise.resolve()
  const faceAt = async (path: string, disk: Disk): Promise<Face | null> => {
    const bytes = disk.get(path)
    if (bytes === undefined || bytes.length > maxCheckedBytes) return null
    return faces.get(`${sha256Hex(bytes)} ${path}`, async () => {
      const text = textOf(bytes)
      const source = text === null ? null : await readSource(path, text)
      return source === null ? null : faceOf(source)
    })
  }
  return {
    check(path, disk) {
      const next = last.then(() => checkFile(path, disk, faceAt))
      last = next.catch(() => undefined)
      return next
    },
  }
}

type FaceAt = (path: string, disk: Disk) => Promise<Face | null>

async function checkFile(path: string, disk: Disk, faceAt: FaceAt): Promise<CheckResult> {
  const bytes = disk.get(path)
  if (bytes === undefined) return tell(path, [{ line: 1, text: 'there is no such file' }])
  const text = bytes.length > maxCheckedBytes ? null : textOf(bytes)
  if (bytes.length > maxCheckedBytes) {
    return { output: `${quoted(path)} has ${bytes.length} bytes, too many to check\n`, problems: 0 }
  }
  if (text === null) return tell(path, [{ line: 1, text: 'the file is not UTF-8' }])
  const source = await readSource(path, text)
  if (source === null) return tell(path, [])
  const syntax = checkSyntax(source)
  return tell(path, syntax.length > 0 ? syntax : await checkMeaning(source, disk, faceAt))
}

async function checkMeaning(source: Source, disk: Disk, faceAt: FaceAt): Promise<Problem[]> {
  const imports = await resolveImports(source, disk)
  const faces = new Map<string, Face>()
  for (const { target } of imports) {
    const face = target.kind === 'file' ? await faceAt(target.path, disk) : null
    if (target.kind === 'file' && face !== null) faces.set(target.path, face)
  }
  const names = namesOf(source)
  const calls = knownCalls(source, functionsOf(source, names), importedFunctions(source, names, imports, faces))
  return [
    ...checkImports(source, imports, faces),
    ...(names === null ? checkSlips(source, disk) : checkNames(source, names)),
    ...checkStandardImports(source, disk),
    ...checkArguments(source, calls),
    ...checkAwaits(source, calls),
    ...checkLoops(source),
    ...checkReturns(source),
  ]
}

function tell(path: string, problems: readonly Problem[]): CheckResult {
  const lines = [...new Set([...problems].sort(byLine).map(({ line, text }) => `${quoted(path)}:${line}: ${text}`))]
  if (lines.length === 0) return { output: `no problems found in ${quoted(path)}\n`, problems: 0 }
  const told = lines.slice(0, maxProblems)
  const more = lines.length > told.length ? [`and ${lines.length - told.length} more`] : []
  return {
    output: [...told, ...more, `${countOf(lines.length, 'problem')} found in ${quoted(path)}`, ''].join('\n'),
    problems: lines.length,
  }
}

const byLine = (a: Problem, b: Problem): number => a.line - b.line || (a.text < b.text ? -1 : a.text > b.text ? 1 : 0)

/** A path as it is, or as a JSON string where it holds line ends and the like. */
const quoted = (path: string): string => (/\p{Cc}/u.test(path) ? JSON.stringify(path) : path)

function textOf(bytes: Uint8Array): string | null {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return null
  }
}
