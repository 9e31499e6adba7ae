import type { Command } from 'commander'
import { loadRunConfig } from '../config.js'
import { groundOnly } from '../pipeline/index.js'
import { answerWith, newCommand } from './command.js'
import { table } from './describe-run.js'

type Snapshot = Awaited<ReturnType<typeof groundOnly>>

export function groundCommand(): Command {
  return newCommand('ground', 'show what a repository is made of: files, imports, cycles, order; writes nothing')
    .argument('<repo>', 'a folder, or a .tar.gz / .tgz file')
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
  const { id, about, files, skipped, importCounts, components, order } = snapshot
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
    '',
    ...table(['file, in order of writing', 'no', 'language', 'lines', 'outline', 'from'], rows),
    '',
    `${files.length} files; imports: ${importCounts.file} of files, ${importCounts.external} external, ${importCounts.unresolved} unresolved`,
    `${cycles.length} dependency cycles${cycles.length > 0 ? `: of ${cycles.map((cycle) => cycle.length).join(', ')} files` : ''}`,
    ...skipped.map(({ path, reason, detail }) => `skipped ${JSON.stringify(path)}: ${reason}, ${detail}`),
    '',
  ].join('\n')
}
