import type { groundOnly } from '../pipeline/index.js'
import { counted } from './counted.js'
import { table } from './table.js'

type Snapshot = Awaited<ReturnType<typeof groundOnly>>

/** What a repository is made of: where from, each file in order, imports, cycles, and what was left out. */
export function describeSnapshot(snapshot: Snapshot): string {
  const { id, about, files, skipped, components } = snapshot
  const cycles = components.filter((component) => component.length > 1)
  const sizes = cycles.length === 0 ? '' : `: of ${cycles.map((cycle) => cycle.length).join(', ')} files`
  return [
    `${id}${about.summary === '' ? '' : `: ${about.summary}`}`,
    ...describeOrigin(snapshot),
    '',
    ...describeFiles(snapshot),
    '',
    ...describeImports(snapshot),
    '',
    `${counted(files.length, 'files')}, ${skipped.length} skipped`,
    `${counted(cycles.length, 'dependency cycles')}${sizes}`,
    ...skipped.map(({ path, reason, detail }) => `skipped ${JSON.stringify(path)}: ${reason}, ${detail}`),
    '',
  ].join('\n')
}

function describeFiles({ files, order }: Snapshot): string[] {
  const byPath = new Map(files.map((file) => [file.path, file]))
  const rows = order.map((path, index) => {
    const file = byPath.get(path)
    const { language = '', lines = 0, outline = [], outlineFrom = '' } = file ?? {}
    return [path, `${index + 1}`, language, `${lines}`, `${outline.length}`, outlineFrom]
  })
  return table(['file, in order of writing', 'no', 'language', 'lines', 'outline', 'from'], rows)
}

const maxEvidence = 5

/** What was read, and under which licence, with the files that say so. */
function describeOrigin({ source, licence }: Snapshot): string[] {
  const commit = source.commit === null ? '' : `, commit ${source.commit}`
  const shown = licence.evidence.slice(0, maxEvidence).map(({ path, expression }) => `${path} says ${expression}`)
  const more = licence.evidence.length - shown.length
  const evidence = [...shown, ...(more > 0 ? [`${more} more`] : [])].join('; ')
  return [
    `source: ${source.kind}${commit}`,
    `licence: ${licence.expression === '' ? 'none that can be read' : licence.expression}${evidence === '' ? '' : ` (${evidence})`}`,
  ]
}

/** Imports by language with the share that leads nowhere, then why, most frequent first. */
function describeImports({ files, importCounts, importCountsByLanguage }: Snapshot): string[] {
  const all = Object.entries(importCountsByLanguage)
  const rows = [...all, ...(all.length > 1 ? ([['all', importCounts]] as const) : [])].map(([language, counts]) => {
    const { file, external, unresolved } = counts
    const share = unresolved / Math.max(1, file + external + unresolved)
    return [language, `${file}`, `${external}`, `${unresolved}`, `${(share * 100).toFixed(1)} %`]
  })
  const reasons = new Map<string, number>()
  for (const { target } of files.flatMap((file) => file.imports)) {
    if (target.kind !== 'unresolved') continue
    const reason = withoutNames(target.reason)
    reasons.set(reason, (reasons.get(reason) ?? 0) + 1)
  }
  const sorted = [...reasons].sort(([a, many], [b, more]) => more - many || (a < b ? -1 : 1))
  return [
    ...(rows.length === 0
      ? ['no imports']
      : table(['imports', 'of files', 'external', 'unresolved', 'share unresolved'], rows)),
    ...sorted.map(([reason, count]) => `${count} unresolved: ${reason}`),
  ]
}

/** A reason without the file, type or module that it is about, so that equal reasons count together. */
function withoutNames(reason: string): string {
  const skipped = /was skipped \((.{1,40})\)$/.exec(reason)?.[1]
  if (skipped !== undefined) return `the file was skipped (${skipped})`
  if (/^made from \S/.test(reason)) return 'made from a template when the project is built'
  return reason
    .replace(/\S*[./\\@*_]\S*/g, '...')
    .replace(/\b(no module|no type|named for|the package|path mapping|no file) (?!of\b|in\b|is\b)\S+/g, '$1 ...')
}
