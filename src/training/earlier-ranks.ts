import { realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { CoreError } from '../core/index.js'
import { folderMark, markedProcesses } from './marked-processes.js'
import type { TrainingContext } from './train.js'

const pollMs = 200
/** A step of long rows and a checkpoint of a large model take minutes. */
const mostWaitMs = 900_000

/**
 * Waits for ranks whose command was killed, and which still finish their step and save. Without this a new start would
 * take back the request to stop before they have seen it, and they would train on with nobody to watch them. Call it
 * with the folder's lock held: it takes every rank in the folder for one that is left.
 *
 * @throws CoreError `RUN_BUSY`, or the signal's reason
 */
export async function awaitEarlierRanks(out: string, { progress, signal }: TrainingContext): Promise<void> {
  const folder = realpathSync(out)
  const until = performance.now() + mostWaitMs
  for (let isSaid = false; ; isSaid = true) {
    const left = markedProcesses(folderMark, folder)
    if (left.length === 0) return
    signal?.throwIfAborted()
    if (!isSaid) progress.note(`Processes of an earlier start still save what they did in ${out}; waiting for them.`)
    if (performance.now() > until) throw stillThere(out, left)
    writeFileSync(join(out, 'stop'), '')
    await sleep(pollMs)
  }
}

function stillThere(out: string, left: readonly number[]): CoreError {
  const minutes = mostWaitMs / 60_000
  const message = `Processes of an earlier start (${left.join(', ')}) have not ended for ${minutes} minutes and hold ${out}. Kill them, then run the same command again.`
  return new CoreError('RUN_BUSY', message, { left })
}
