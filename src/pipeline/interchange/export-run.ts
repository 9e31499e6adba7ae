import { closeSync, existsSync, openSync, readSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { CoreError, writeFileAtomic, spanReader, type RunStore } from '../../core/index.js'
import { atifTrajectory, openParquetRows, openaiRow, type ExportSource } from '../../interchange/index.js'
import { trajectorySchema, type Trajectory } from '../../records/index.js'
import type { RunContext } from '../run/run-context.js'
import { openRun } from '../run/run-folder.js'
import { writeNewFile, writeNewFolder, type NewOutput } from './new-output.js'

type Exporter = (trajectories: Iterable<Trajectory>, source: ExportSource, output: NewOutput) => Promise<void>

/** What writes each format. A new format is one more line here. */
const exporters = {
  async 'openai-jsonl'(trajectories, { read }, output) {
    await writeNewFile(output, async (write) => {
      for (const trajectory of trajectories) await write(`${JSON.stringify(openaiRow(trajectory, read))}\n`)
    })
  },
  async 'openai-parquet'(trajectories, { read }, output) {
    await writeNewFile(output, async (write) => {
      const rows = await openParquetRows(write)
      try {
        for (const trajectory of trajectories) await rows.write(openaiRow(trajectory, read))
        await rows.finish()
      } catch (error) {
        await rows.discard()
        throw error
      }
    })
  },
  async atif(trajectories, source, output) {
    await writeNewFolder(output, isAtifFolder, (folder) => {
      for (const trajectory of trajectories) {
        const document = `${JSON.stringify(atifTrajectory(trajectory, source))}\n`
        writeFileAtomic(join(folder, `${trajectory.id}.json`), document)
      }
    })
  },
} satisfies Record<string, Exporter>

export type ExportFormat = keyof typeof exporters
export const exportFormats = Object.keys(exporters) as ExportFormat[]

interface ExportSummary {
  format: ExportFormat
  out: string
  trajectories: number
}

/**
 * Writes a finished run's trajectories in a format of other programs: OpenAI messages into one file, ATIF into a folder
 * with a file for each. One trajectory is in memory at a time.
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
  const { blobs } = store
  const source: ExportSource = { read: spanReader(blobs), blobs, retraceVersion: record.retraceVersion }
  const bar = context.progress.stage('Export', ids.length, 'trajectories')
  const trajectories = function* (): Generator<Trajectory> {
    for (const id of ids) {
      context.signal?.throwIfAborted()
      yield readTrajectory(store, id)
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

function readTrajectory(store: RunStore, id: string): Trajectory {
  const trajectory = store.read('trajectories', id, trajectorySchema)
  if (trajectory.id === id) return trajectory
  // Files are named by the id: a record that was changed must not name a file elsewhere.
  throw new CoreError(
    'RECORD_INVALID',
    `Trajectory ${id} of ${store.folder} calls itself ${trajectory.id}. Run it again.`,
  )
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
