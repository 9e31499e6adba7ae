import type { FileRecord, RepositorySnapshot } from '../../records/index.js'
import { baseName } from '../narrator/file-names.js'
import { aboutFacts } from './file-facts.js'
import { longestThatFits, type Facts } from './fit-facts.js'
import { details, fileDoc, nameList, outlineLines, type Detail } from './outline-text.js'
import { indexSnapshot, type SnapshotIndex } from './snapshot-index.js'

/** The facts that the main agent gets about a repository. */
export function mainFacts(snapshot: RepositorySnapshot): Facts {
  const index = indexSnapshot(snapshot)
  const files = snapshot.order.map((path) => index.file(path))
  const outlines = (detail: Detail) => (): string => files.flatMap((file) => outlineOf(file, detail)).join('\n')
  return {
    ...aboutFacts(snapshot),
    readme: { share: 0.2, versions: [() => readmeText(snapshot)] },
    tree: {
      share: 0.2,
      versions: [() => snapshot.files.map(({ path }) => path).join('\n'), () => folderList(snapshot)],
    },
    dependencies: { share: 0.2, versions: [() => dependencyList(snapshot, index)] },
    outlines: { share: 0.4, versions: details.map(outlines) },
  }
}

/** Batches of files for the plan, in implementation order: each fits one prompt, and its answer fits `maxNewTokens`. */
export function planBatches(
  snapshot: RepositorySnapshot,
  wanted: readonly string[],
  room: number,
  maxNewTokens: number,
): string[][] {
  const index = indexSnapshot(snapshot)
  const rank = new Map(snapshot.order.map((path, at) => [path, at]))
  const batches: string[][] = []
  let [chars, tokens] = [Infinity, Infinity]
  for (const path of [...wanted].sort((a, b) => (rank.get(a) ?? 0) - (rank.get(b) ?? 0))) {
    const needsChars = planBlock(index, path, room).length + 1
    const needsTokens = Math.ceil((path.length + charsOfEntry) / charsPerToken)
    if (chars + needsChars > room || tokens + needsTokens > maxNewTokens) {
      batches.push([])
      ;[chars, tokens] = [0, 0]
    }
    batches.at(-1)?.push(path)
    chars += needsChars
    tokens += needsTokens
  }
  return batches
}

/** Estimated length of an entry of the answer without its path: the purpose, and the JSON around both. */
const charsOfEntry = 130
const charsPerToken = 2.5

/** The files of a batch with their declarations; only their paths if the declarations are too long. */
export function planFacts(snapshot: RepositorySnapshot, batch: readonly string[], room: number): Facts {
  const index = indexSnapshot(snapshot)
  return {
    ...aboutFacts(snapshot),
    files: {
      share: 1,
      versions: [() => batch.map((path) => planBlock(index, path, room)).join('\n'), () => batch.join('\n')],
    },
  }
}

/** A file of a batch, in at most an eighth of the room, so that one file leaves space for the others. */
function planBlock(index: SnapshotIndex, path: string, room: number): string {
  const file = index.file(path)
  const needs = index.dependenciesOf(path).map((dependency) => dependency.path)
  const versions = details.map((detail) => (): string => outlineOf(file, detail, needs).join('\n'))
  return longestThatFits([...versions, () => path], room / 8) || path
}

/** The path, dependencies, doc and declarations of a file; with `names`, only path and names in one line. */
function outlineOf(file: FileRecord, detail: Detail, needs: readonly string[] = []): string[] {
  const uses = needs.length > 0 ? ` (uses ${needs.join(', ')})` : ''
  if (detail === 'names') {
    const names = nameList(file, file.outline)
    return [names === '' ? file.path : `${file.path}: ${names}`]
  }
  const doc = fileDoc(file)
  const head = doc === '' ? `${file.path}${uses}` : `${file.path}${uses} -- ${doc}`
  return [head, ...outlineLines(file, file.outline, detail).map((line) => `  ${line}`)]
}

/** Title, first paragraphs and headings, which is all that grounding keeps of a README. */
function readmeText({ files, about }: RepositorySnapshot): string {
  const readme = files.find(({ path }) => /^readme(\.|$)/i.test(path)) ?? files.find(({ path }) => isReadme(path))
  const sections = (readme?.outline ?? []).filter(() => /\.(md|markdown|mdx|rst)$/i.test(readme?.path ?? ''))
  const lines = [
    `# ${about.title}`,
    readme?.doc ?? '',
    ...sections.flatMap(({ name, doc }) => [`# ${name}`, doc]),
    about.keywords.length > 0 ? `Keywords: ${about.keywords.join(', ')}` : '',
  ]
  // The title and the first paragraph are among the sections too, so duplicates are removed.
  return [...new Set(lines)].filter((line) => line !== '' && line !== '# ').join('\n')
}

const isReadme = (path: string): boolean => /^readme(\.|$)/i.test(baseName(path))

function folderList({ files }: RepositorySnapshot): string {
  const counts = new Map<string, number>()
  for (const { path } of files) {
    const folder = path.slice(0, path.lastIndexOf('/') + 1) || './'
    counts.set(folder, (counts.get(folder) ?? 0) + 1)
  }
  return [...counts].map(([folder, count]) => `${folder} (files: ${count})`).join('\n')
}

function dependencyList(snapshot: RepositorySnapshot, index: SnapshotIndex): string {
  return snapshot.order
    .flatMap((path) => {
      const needs = index.dependenciesOf(path).map((dependency) => dependency.path)
      return needs.length === 0 ? [] : [`${path} uses ${needs.join(', ')}`]
    })
    .join('\n')
}
