import { RetraceError } from '../../../core/index.js'
import type { RunContext } from '../run-context.js'
import type { Run } from '../run-folder.js'

/** What a stage has to do: `done` of `total` units were finished by an earlier start. */
interface Workload {
  unit: string
  total: number
  done: number
}

/**
 * Does a stage's work under a progress bar and notes how long it took, also where it is stopped. These notes are the
 * only records that differ between two runs of the same input.
 */
export async function inStage(
  { store, context }: Run,
  name: string,
  { unit, total, done }: Workload,
  work: (advance: () => void) => Promise<void>,
): Promise<void> {
  const bar = context.progress.stage(name, total, unit, done)
  const start = performance.now()
  let units = 0
  try {
    await work(() => {
      units++
      bar.advance()
    })
  } finally {
    bar.finish()
    const seconds = Math.round(performance.now() - start) / 1000
    if (units > 0) store.append('.', 'timings', { name: name.toLowerCase(), unit, units, seconds })
  }
}

/**
 * Does one unit's work; where it fails, the unit leaves the run with its reason and the others go on. An error that
 * every unit would meet is thrown: a stop, a server that is gone, and errors of the machine such as a full disk.
 */
export async function orReject(
  { store, record, context }: Run,
  id: string,
  stage: string,
  work: () => Promise<void>,
): Promise<void> {
  try {
    await work()
    store.unreject(id)
  } catch (error) {
    if (!(error instanceof Error) || endsTheRun(error, context)) throw error
    const { code, details } = error instanceof RetraceError ? error : { code: 'UNEXPECTED', details: {} }
    store.reject(stage, id, code, error.message, details)
    // Where it was the only input, the run fails with this very message.
    if (record.inputs.length > 1) context.progress.note(`Left out: ${error.message}`)
  }
}

function endsTheRun(error: Error, { signal }: RunContext): boolean {
  return signal?.aborted === true || 'syscall' in error || (error instanceof RetraceError && error.kind === 'run')
}

export function isBudgetSpent(error: unknown): boolean {
  return error instanceof RetraceError && error.code === 'BUDGET_SPENT'
}
