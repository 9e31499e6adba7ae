import { setImmediate } from 'node:timers/promises'
import { createWorkerPool, type StageProgress, type WorkerPool } from '../../core/index.js'
import { parseBatch, type FileAnswer, type FileTask } from './worker.js'

/** Threads that parse; make one for a whole run and dispose of it at the end. */
export type ParsePool = WorkerPool<FileTask[], FileAnswer[]>

export function createParsePool(threads: number): ParsePool {
  return createWorkerPool<FileTask[], FileAnswer[]>(new URL('./worker.js', import.meta.url), threads)
}

const BATCH_CHARS = 128 * 1024
const BATCH_FILES = 32

/**
 * Parses files in a pool, or in this thread where there is none. The answers are in the order of the requests. Texts have
 * no syntax tree, and less work than the way to a thread and back: this thread outlines them while the others parse.
 */
export async function parseFiles(
  requests: readonly FileTask[],
  progress: StageProgress,
  pool?: ParsePool,
  signal?: AbortSignal,
): Promise<FileAnswer[]> {
  if (pool === undefined) return parseHere(batchesOf(requests), progress, signal)
  const isText = ({ language }: FileTask): boolean => language === 'text'
  const underWay = batchesOf(requests.filter((one) => !isText(one))).map(async (batch) => {
    const answers = await pool.run(batch, signal)
    progress.advance(batch.length)
    return answers
  })
  const here = parseHere(batchesOf(requests.filter(isText)), progress, signal)
  const [ofTexts, ...ofSources] = await Promise.all([here, ...underWay])
  const [texts, sources] = [ofTexts.values(), ofSources.flat().values()]
  return requests.map((one) => (isText(one) ? texts : sources).next().value as FileAnswer)
}

async function parseHere(
  batches: readonly FileTask[][],
  progress: StageProgress,
  signal?: AbortSignal,
): Promise<FileAnswer[]> {
  const parsed: FileAnswer[] = []
  for (const batch of batches) {
    // Lets the progress be drawn and an interrupt come through.
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
    if (last === undefined || chars + request.text.length > BATCH_CHARS || last.length >= BATCH_FILES) {
      batches.push([request])
      chars = request.text.length
    } else {
      last.push(request)
      chars += request.text.length
    }
  }
  return batches
}
