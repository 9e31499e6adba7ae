import { Piscina } from 'piscina'
import { fromWireError, toWireError, type WireError } from './errors.js'

type Answer<Output> = { ok: true; value: Output } | { ok: false; error: WireError }

/** An answer as JSON: a value that cannot be sent then fails inside the task, where the error is caught. */
type WireAnswer = string

/** A pool of threads that all run one function; errors keep their code and kind on the way back. */
export interface WorkerPool<Input, Output> {
  run(input: Input, signal?: AbortSignal): Promise<Output>
  /** Waits for the tasks under way, then ends the threads. */
  dispose(): Promise<void>
}

/**
 * Starts a pool over a module whose default export was made by `workerTask`.
 *
 * @param file URL of the compiled module, usually `new URL('./x-worker.js', import.meta.url)`
 */
export function createWorkerPool<Input, Output>(file: URL, threads: number): WorkerPool<Input, Output> {
  const pool = new Piscina<Input, WireAnswer>({ filename: file.href, minThreads: threads, maxThreads: threads })
  return {
    async run(input, signal) {
      const answer = JSON.parse(await pool.run(input, signal === undefined ? {} : { signal })) as Answer<Output>
      if (answer.ok) return answer.value
      throw fromWireError(answer.error)
    },
    dispose: () => pool.close(),
  }
}

/** Wraps a worker's function so that its result, which must be plain JSON, or its error can cross the thread. */
export function workerTask<Input, Output>(task: (input: Input) => Promise<Output> | Output) {
  return async (input: Input): Promise<WireAnswer> => {
    try {
      return JSON.stringify({ ok: true, value: await task(input) } satisfies Answer<Output>)
    } catch (error) {
      return JSON.stringify({ ok: false, error: toWireError(error) } satisfies Answer<Output>)
    }
  }
}
