import { realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CoreError } from '../core/index.js'
import { folderMark, markedProcesses } from './marked-processes.js'
import type { TrainingContext } from './request.js'

const pollMs = 200
/** A step of long rows and a checkpoint of a large model take minutes. */
const maxWaitMs = 900_000

/**
 * Waits for ranks whose command was killed and which still finish their step and save. Without this a new start would
 * withdraw the request to stop before they have seen it, and they would train on unsupervised. The caller holds the
 * folder's lock: every rank found in the folder counts as one of an earlier start.
 *
 * @throws CoreError `RUN_BUSY`, or the signal's reason
 */
export async function awaitEarlierRanks(out: string, { progress, signal }: TrainingContext): Promise<void> {
  const folder = realpathSync(out)
  const deadline = performance.now() + maxWaitMs
  for (let isReported = false; ; isReported = true) {
    const processes = markedProcesses(folderMark, folder)
    if (processes.length === 0) return
    signal?.throwIfAborted()
    if (!isReported)
      progress.note(`Processes of an earlier start still save what they did in ${out}; waiting for them.`)
    if (performance.now() > deadline) throw stillRunning(out, processes)
    writeFileSync(join(out, 'stop'), '')
    await sleep(pollMs)
  }
}

function stillRunning(out: string, processes: readonly number[]): CoreError {
  const minutes = maxWaitMs / 60_000
  const message = `Processes of an earlier start (${processes.join(', ')}) have not ended for ${minutes} minutes and hold ${out}. Kill them, then run the same command again.`
  return new CoreError('RUN_BUSY', message, { processes })
}
