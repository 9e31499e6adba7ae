import { seededRandom, type Random } from '../../core/index.js'
import { codeFileSegments } from '../../packing/index.js'
import type { CompletionTask, FileRecord, RepositorySnapshot } from '../../records/index.js'
import { codeLines } from './code-lines.js'
import { isCode, openingToken, type TaskSource } from './tasks.js'

interface CompletionOptions {
  /** How many there are at most, over all repositories. */
  tasks?: number
  /** How many lines are asked for, in turn. */
  lines?: readonly number[]
  /** Most tokens of context and answer together; the model's context where that is less. */
  maxTokens?: number
}

const defaultCompletionTasks = 100
const defaultLines = [1, 3]
const defaultMaxTokens = 16_384
const newTokensPerLine = 48
/** Fewest lines of code before a cut, and fewest lines of a file. */
const [minCodeLinesBefore, minLines] = [5, 12]
const maxFileBytes = 262_144
/** How many earlier files are looked at, whether they fit or not. */
const maxEarlierFiles = 200

/**
 * The next lines of a file, after its own beginning and the repository's earlier files, in the order in which a document
 * of code has them. Repositories take turns, each with another file, so that a large repository does not fill the tasks.
 */
export function* completionTasks(source: TaskSource, options: CompletionOptions = {}): Generator<CompletionTask> {
  const { repositories, seed } = source
  const lines = options.lines ?? defaultLines
  const most = options.tasks ?? defaultCompletionTasks
  const open = seededRandom('completion', seed)
    .shuffled(repositories.ids)
    .map((id) => tasksOf(source, repositories.snapshot(id), lines, options.maxTokens ?? defaultMaxTokens))
  let made = 0
  while (open.length > 0) {
    for (const tasks of [...open]) {
      if (made === most) return
      const next = tasks.next()
      if (next.done === true) {
        open.splice(open.indexOf(tasks), 1)
        continue
      }
      made++
      yield next.value
    }
  }
}

function* tasksOf(
  source: TaskSource,
  snapshot: RepositorySnapshot,
  lines: readonly number[],
  maxTokens: number,
): Generator<CompletionTask> {
  const random = seededRandom('completion', source.seed, snapshot.id)
  const place = new Map(snapshot.order.map((path, at) => [path, at]))
  const files = snapshot.files.filter(
    (file) => isCode(file) && file.lines >= minLines && file.sizeBytes <= maxFileBytes,
  )
  const byPath = new Map(snapshot.files.map((file) => [file.path, file]))
  let turn = random.below(lines.length)
  for (const file of random.shuffled(files)) {
    const count = lines[turn % lines.length] as number
    const cut = cutFile(source, file, count, random)
    if (cut === null) continue
    const earlier = snapshot.order.slice(0, place.get(file.path)).flatMap((path) => byPath.get(path) ?? [])
    const room = Math.min(maxTokens, source.contextLength) - cut.maxNewTokens
    const context = contextOf(source, earlier, file.path, cut.head, room)
    if (context === null) continue
    turn++
    yield {
      kind: 'completion',
      id: `completion-${snapshot.id}-${cut.line}-${count}-${file.path}`,
      repository: snapshot.id,
      path: file.path,
      context,
      target: cut.target,
      lines: count,
      maxNewTokens: cut.maxNewTokens,
    }
  }
}

interface Cut {
  /** The text before the first line that is asked for; it ends with a line end. */
  head: string
  /** Number of that line, from 1. */
  line: number
  target: string
  maxNewTokens: number
}

/** A place in the body of a file, at random. The first and the last line that are asked for are code. */
function cutFile({ repositories, tokenizer }: TaskSource, file: FileRecord, count: number, random: Random): Cut | null {
  const lines = repositories.text(file).split('\n')
  const isCodeLine = codeLines(lines, file.language)
  let before = 0
  const places = isCodeLine.flatMap((holdsCode, at) => {
    if (holdsCode) before++
    return holdsCode && before > minCodeLinesBefore && isCodeLine[at + count - 1] === true ? [at] : []
  })
  const maxNewTokens = newTokensPerLine * count
  // The first place whose answer has few enough tokens; longer lines are data.
  for (const at of random.shuffled(places).slice(0, 8)) {
    const target = lines
      .slice(at, at + count)
      .join('\n')
      .replace(/\r$/, '')
    if (target.length > maxNewTokens * 8 || tokenizer.encode(target).length > maxNewTokens) continue
    return { head: `${lines.slice(0, at).join('\n')}\n`, line: at + 1, target, maxNewTokens }
  }
  return null
}

/**
 * The file's head, and before it as many whole earlier files as fit. The nearest is tried first; a file that does not fit
 * is left out, and those before it are tried. They keep their order. `null` where the head alone is too long.
 */
function contextOf(
  source: TaskSource,
  earlier: readonly FileRecord[],
  path: string,
  head: string,
  room: number,
): number[] | null {
  const own = idsOfFile(source, path, head)
  let left = room - 1 - own.length
  if (left < 0) return null
  const before: number[][] = []
  for (const file of earlier.slice(-maxEarlierFiles).toReversed()) {
    // A file with so many bytes to a token would be mostly spaces, so it cannot fit and is not tokenized.
    if (file.sizeBytes > left * 16) continue
    const ids = idsOfFile(source, file.path, source.repositories.text(file))
    if (ids.length > left) continue
    before.unshift(ids)
    left -= ids.length
  }
  return [source.tokenizer.special(openingToken), ...before.flat(), ...own]
}

function idsOfFile({ tokenizer }: TaskSource, path: string, text: string): number[] {
  return tokenizer.encodeSegments(codeFileSegments(path, text)).flatMap((ids) => [...ids])
}
