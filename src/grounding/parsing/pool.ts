import { setImmediate } from 'node:timers/promises'
import { createWorkerPool, type StageProgress, type WorkerPool } from '../../core/index.js'
import { parseBatch, type FileAnswer, type FileTask } from './worker.js'

/** Threads that parse; make one for a whole run and dispose of it at the end. */
export type ParsePool = WorkerPool<FileTask[], FileAnswer[]>

export function createParsePool(threads: number): ParsePool {
  return createWorkerPool<FileTask[], FileAnswer[]>(new URL('./worker.js', import.meta.url), threads)
}

const batchChars = 128 * 1024
const batchFiles = 32

/**
 * Parses files in a pool, or in this thread without one. The answers are in the order of the requests. Texts have no
 * syntax tree, and a message to a thread would take longer than their outline: this thread outlines them meanwhile.
 */
export async function parseFiles(
  requests: readonly FileTask[],
  progress: StageProgress,
  pool?: ParsePool,
  signal?: AbortSignal,
): Promise<FileAnswer[]> {
  if (pool === undefined) return parseHere(batchesOf(requests), progress, signal)
  const isText = ({ language }: FileTask): boolean => language === 'text'
  const inPool = batchesOf(requests.filter((request) => !isText(request))).map(async (batch) => {
    const answers = await pool.run(batch, signal)
    progress.advance(batch.length)
    return answers
  })
  const inThisThread = parseHere(batchesOf(requests.filter(isText)), progress, signal)
  const [ofTexts, ...ofSources] = await Promise.all([inThisThread, ...inPool])
  const [texts, sources] = [ofTexts.values(), ofSources.flat().values()]
  return requests.map((request) => (isText(request) ? texts : sources).next().value as FileAnswer)
}

async function parseHere(
  batches: readonly FileTask[][],
  progress: StageProgress,
  signal?: AbortSignal,
): Promise<FileAnswer[]> {
  const parsed: FileAnswer[] = []
  for (const batch of batches) {
    // Gives the event loop time to draw the progress and to handle an interrupt.
    await setImmediate()
    signal?.throwIfAborted()
    parsed.push(...(await parseBatch(batch)))
    progress.advance(batch.length)
  }
  return parsed
}

function batchesOf(requests: readonly FileTask[]): FileTask[][] {
  const batches: FileTask[][] = []
  let chars = Infinity
  for (const request of requests) {
    const last = batches.at(-1)
    if (last === undefined || chars + request.text.length > batchChars || last.length >= batchFiles) {
      batches.push([request])
      chars = request.text.length
    } else {
      last.push(request)
      chars += request.text.length
    }
  }
  return batches
}
