import { closeSync, existsSync, openSync, readSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { retraceVersion, type RunConfig } from '../../config.js'
import { CoreError, canonicalJson, writeFileAtomic } from '../../core/index.js'
import { atifTrajectory, openParquetRows, openaiRow, type ExportSource } from '../../interchange/index.js'
import { createRenderer, packConversations } from '../../packing/index.js'
import { trajectorySchema, type ShardManifest, type Trajectory } from '../../records/index.js'
import { loadTokenizer } from '../../tokenizer/index.js'
import { filesOf, ImportReader, type ImportCounts } from './import-reader.js'
import { writeNewFile, writeNewFolder, type NewOutput } from './new-output.js'
import { openRun, type RunContext } from '../run/run-folder.js'

export const exportFormats = ['openai-jsonl', 'openai-parquet', 'atif'] as const
export type ExportFormat = (typeof exportFormats)[number]

export interface ExportSummary {
  format: ExportFormat
  out: string
  trajectories: number
}

/**
 * Writes a finished run's trajectories in a format of others: OpenAI messages into one file, ATIF into a folder with a
 * file for each. One trajectory is in memory at a time.
 *
 * @throws CoreError `RUN_INCOMPLETE`, `CONFIG_INVALID` where the output is there already, `INPUT_NOT_FOUND`
 */
export async function exportRun(
  folder: string,
  format: ExportFormat,
  output: NewOutput,
  context: RunContext,
): Promise<ExportSummary> {
  const { store, record } = openRun(folder)
  const ids = store.finished('trajectories')
  if (ids.length === 0 || !existsSync(store.path('manifest.json'))) {
    throw new CoreError('RUN_INCOMPLETE', `${folder} has not come to its end. Run it to its end first, then export it.`)
  }
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
  const source: ExportSource = {
    read: ({ blob, start, end }) => decoder.decode(store.blobs.get(blob).subarray(start, end)),
    blobs: store.blobs,
    retraceVersion: record.retraceVersion,
  }
  const bar = context.progress.stage('Export', ids.length, 'trajectories')
  const trajectories = function* (): Generator<Trajectory> {
    for (const id of ids) {
      context.signal?.throwIfAborted()
      const trajectory = store.read('trajectories', id, trajectorySchema)
      // Files are named by the id: a record that was changed must not name one elsewhere.
      if (trajectory.id !== id) {
        throw new CoreError(
          'RECORD_INVALID',
          `Trajectory ${id} of ${folder} calls itself ${trajectory.id}. Run it again.`,
        )
      }
      yield trajectory
      bar.advance()
    }
  }
  try {
    await exporters[format](trajectories(), source, output)
  } finally {
    bar.finish()
  }
  return { format, out: output.path, trajectories: ids.length }
}

type Exporter = (trajectories: Iterable<Trajectory>, source: ExportSource, output: NewOutput) => Promise<void>

const exporters: Record<ExportFormat, Exporter> = {
  async 'openai-jsonl'(trajectories, { read }, output) {
    await writeNewFile(output, async (write) => {
      for (const one of trajectories) await write(`${JSON.stringify(openaiRow(one, read))}\n`)
    })
  },
  async 'openai-parquet'(trajectories, { read }, output) {
    await writeNewFile(output, async (write) => {
      const rows = await openParquetRows(write)
      try {
        for (const one of trajectories) await rows.write(openaiRow(one, read))
        await rows.finish()
      } catch (error) {
        await rows.discard()
        throw error
      }
    })
  },
  async atif(trajectories, source, output) {
    await writeNewFolder(output, isAtifFolder, async (folder) => {
      for (const one of trajectories) {
        writeFileAtomic(join(folder, `${one.id}.json`), `${JSON.stringify(atifTrajectory(one, source))}\n`)
      }
    })
  },
}

/** Whether a folder holds ATIF documents of ours and nothing else, by their first bytes. */
function isAtifFolder(folder: string): boolean {
  const opening = '{"schema_version":"ATIF-'
  return readdirSync(folder, { withFileTypes: true }).every((entry) => {
    if (!entry.isFile() || !entry.name.endsWith('.json')) return false
    const file = openSync(join(folder, entry.name), 'r')
    try {
      const first = Buffer.alloc(opening.length)
      readSync(file, first, 0, first.length, 0)
      return first.toString('latin1') === opening
    } finally {
      closeSync(file)
    }
  })
}

/** `import.json`: what was read, and what came of it. */
export interface ImportSummary extends ImportCounts {
  retraceVersion: string
  packing: ShardManifest['packing']
}

/**
 * Packs the conversations of other programs' files, with the packing options of a run. What cannot be one is listed in
 * `rejects.jsonl` with its line and the reason; the others go on.
 *
 * @param inputs files, or folders whose files (not those of folders within) are taken
 * @throws CoreError `INPUT_NOT_FOUND`, `CONFIG_INVALID`, `INPUT_INVALID` where no row is left; InterchangeError
 */
export async function importConversations(
  inputs: readonly string[],
  output: NewOutput,
  modelDir: string,
  config: RunConfig,
  context: RunContext,
): Promise<ImportSummary> {
  if (config.packing.content !== 'trajectory') {
    const message = `Conversations have no repository behind them that could be packed as it is. Leave packing.content away.`
    throw new CoreError('CONFIG_INVALID', message)
  }
  const paths = inputs.flatMap(filesOf)
  const tokenizer = await loadTokenizer(modelDir)
  const renderer = createRenderer(config.packing.renderer, config.packing.masks)
  const reader = new ImportReader(paths, context)
  let summary: ImportSummary | undefined
  await writeNewFolder(output, isImportFolder, async (folder) => {
    const shards = join(folder, 'shards')
    const conversations = reader.conversations(join(folder, 'rejects.jsonl'))
    const input = { conversations, tokenizer, renderer, folder: shards, signal: context.signal }
    const manifest = await packConversations(input, { ...config.packing, seed: config.seed })
    if (manifest.packing.rows === 0) failForNothing(reader, manifest)
    writeFileAtomic(join(shards, 'manifest.json'), canonicalJson(manifest) + '\n')
    summary = { retraceVersion: retraceVersion(), ...reader.counts(), packing: manifest.packing }
    writeFileAtomic(join(folder, 'import.json'), canonicalJson(summary) + '\n')
  })
  return summary as ImportSummary
}

function failForNothing(reader: ImportReader, { sequenceLength }: ShardManifest): never {
  const { rows, conversations } = reader.counts()
  if (conversations === 0) {
    const message = `None of ${rows} rows is a conversation to learn from, such as ${reader.firstReject}.`
    throw new CoreError('INPUT_INVALID', message)
  }
  const message = `No step fits in a row of ${sequenceLength} tokens with something in it to train, so nothing was packed. Raise packing.sequenceLength or look at packing.masks.`
  throw new CoreError('CONFIG_INVALID', message)
}

/** Whether a folder holds what an import leaves and nothing else. */
function isImportFolder(folder: string): boolean {
  const names = readdirSync(folder)
  return (
    names.includes('import.json') && names.every((name) => ['import.json', 'rejects.jsonl', 'shards'].includes(name))
  )
}
