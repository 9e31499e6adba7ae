import type { Command } from 'commander'
import { loadRunConfig } from '../config.js'
import { groundOnly } from '../pipeline/index.js'
import { answerWith, newCommand } from './command.js'
import { table } from './describe-run.js'

type Snapshot = Awaited<ReturnType<typeof groundOnly>>

export function groundCommand(): Command {
  return newCommand('ground', 'show what a repository is made of: files, imports, cycles, order; writes nothing')
    .argument('<repo>', 'a folder, a git repository (its commit, or that of repo@revision), or a .tar.gz / .tgz file')
    .option('--config <file>', 'JSON config, of which the key "grounding" is used')
    .addHelpText('after', '\nWith --json the whole snapshot is printed, outlines with byte ranges included.')
    .action(async (repository: string, options: { config?: string; json?: boolean }) => {
      await answerWith(options, async (context) => {
        const snapshot = await groundOnly(repository, loadRunConfig(options.config), context)
        return { json: snapshot, text: describeSnapshot(snapshot) }
      })
    })
}

function describeSnapshot(snapshot: Snapshot): string {
  const { id, about, files, skipped, components, order } = snapshot
  const byPath = new Map(files.map((file) => [file.path, file]))
  const rows = order.map((path, index) => {
    const file = byPath.get(path)
    return [
      `${path}`,
      `${index + 1}`,
      file?.language ?? '',
      `${file?.lines ?? 0}`,
      `${file?.outline.length ?? 0}`,
      file?.outlineFrom ?? '',
    ]
  })
  const cycles = components.filter((component) => component.length > 1)
  return [
    `${id}${about.summary === '' ? '' : `: ${about.summary}`}`,
    ...describeOrigin(snapshot),
    '',
    ...table(['file, in order of writing', 'no', 'language', 'lines', 'outline', 'from'], rows),
    '',
    ...describeImports(snapshot),
    '',
    `${files.length} files, ${skipped.length} skipped`,
    `${cycles.length} dependency cycles${cycles.length > 0 ? `: of ${cycles.map((cycle) => cycle.length).join(', ')} files` : ''}`,
    ...skipped.map(({ path, reason, detail }) => `skipped ${JSON.stringify(path)}: ${reason}, ${detail}`),
    '',
  ].join('\n')
}

const MAX_EVIDENCE = 5

/** What was read, and under which licence, with the files that say so. */
function describeOrigin({ source, licence }: Snapshot): string[] {
  const commit = source.commit === null ? '' : `, commit ${source.commit}`
  const said = licence.evidence.slice(0, MAX_EVIDENCE).map((one) => `${one.path} says ${one.expression}`)
  const more = licence.evidence.length - said.length
  const evidence = [...said, ...(more > 0 ? [`${more} more`] : [])].join('; ')
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

/** A reason without the file, type or module that it is about, so that equal ones count together. */
function withoutNames(reason: string): string {
  const skipped = /was skipped \((.{1,40})\)$/.exec(reason)?.[1]
  if (skipped !== undefined) return `the file was skipped (${skipped})`
  if (/^made from \S/.test(reason)) return 'made from a template when the project is built'
  return reason
    .replace(/\S*[./\\@*_]\S*/g, '...')
    .replace(/\b(no module|no type|named for|the package|path mapping|no file) (?!of\b|in\b|is\b)\S+/g, '$1 ...')
}
