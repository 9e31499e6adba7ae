import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { z } from 'zod'
import type { Progress, StageProgress } from '../../core/index.js'
import { offlineResultsSchema, type OfflineResults } from '../../records/index.js'
import { TrainingError, type TrainingErrorCode } from '../errors.js'
import { pythonEnv } from '../probe.js'
import { runProcess, type ProcessEnd } from '../run-process.js'
import { environmentOf, shellLine, type Command } from './command.js'

export interface OfflineRequest {
  modelDir: string
  /** Folders with a `manifest.json`, by their name in the results. */
  shards: Record<string, string>
  /** File with a task in each line; `null` for no tasks. */
  tasks: string | null
  device: 'auto' | 'cpu' | 'cuda'
  python: string
}

interface OfflineContext {
  progress: Progress
  signal?: AbortSignal | undefined
}

/** The longest timeout of Node: an evaluation has no limit. */
export const unlimitedMs = 2 ** 31 - 1

/** The program that `evaluateOffline` starts. */
function offlineCommand({ modelDir, shards, tasks, device, python }: OfflineRequest, out: string): Command {
  const heldOut = Object.entries(shards).flatMap(([name, folder]) => ['--held-out', `${name}=${folder}`])
  const taskFile = tasks === null ? [] : ['--tasks', tasks]
  const argv = [
    python,
    '-m',
    'retrace_eval',
    '--model',
    modelDir,
    '--out',
    out,
    ...heldOut,
    ...taskFile,
    '--device',
    device,
  ]
  return { argv: argv as Command['argv'], env: pythonEnv() }
}

/** The program that `evaluateOffline` starts, as a line for a shell. */
export function offlineCommandLine(request: OfflineRequest, out: string): string {
  return shellLine(offlineCommand(request, out))
}

/**
 * Measures a model in a process of its own, without a network.
 *
 * @throws TrainingError with the code that the program ended with; the signal's reason
 */
export async function evaluateOffline(request: OfflineRequest, context: OfflineContext): Promise<OfflineResults> {
  const folder = mkdtempSync(join(tmpdir(), 'retrace-evaluation-'))
  const bars = new SuiteBars(context.progress)
  try {
    const out = join(folder, 'results.json')
    const command = offlineCommand(request, out)
    const end = await runProcess(command.argv, {
      env: environmentOf(command),
      signal: context.signal,
      timeoutMs: unlimitedMs,
      onLine: (line) => bars.show(line),
    })
    context.signal?.throwIfAborted()
    if (end.code !== 0 || !existsSync(out)) throw failureOf(end, request)
    return parseResults(out, request)
  } finally {
    bars.finish()
    rmSync(folder, { recursive: true, force: true })
  }
}

function parseResults(path: string, { modelDir, python }: OfflineRequest): OfflineResults {
  try {
    return offlineResultsSchema.parse(JSON.parse(readFileSync(path, 'utf8')))
  } catch (cause) {
    const message = `The results for ${modelDir} have another form than expected. Does ${python} run this version's own scripts?`
    throw new TrainingError('EVALUATION_FAILED', message, { modelDir }, { cause })
  }
}

/** Codes of the program that are used here too; any other becomes EVALUATION_FAILED and is named in the message. */
const knownCodes: readonly TrainingErrorCode[] = [
  ...(['MODEL_INVALID', 'SHARD_MISSING', 'SHARD_CHANGED', 'MANIFEST_INVALID', 'TOKENIZER_MISMATCH'] as const),
  ...(['OUT_OF_MEMORY', 'DEVICE_UNAVAILABLE', 'TASKS_INVALID'] as const),
]

/** The program ends with a line `CODE: message`, except where it was killed. */
function failureOf({ code, tail, startError }: ProcessEnd, { modelDir, python }: OfflineRequest): TrainingError {
  if (startError !== null) {
    return new TrainingError('PYTHON_MISSING', `${python} cannot be started: ${startError.message}. Check --python.`)
  }
  const words = tail
    .split('\n')
    .toReversed()
    .flatMap((line) => /^([A-Z][A-Z_]+): (.+)$/.exec(line) ?? [])
  const [, name, message] = words
  const known = name === 'PYTHON_PACKAGE_MISSING' ? 'PYTHON_INCOMPLETE' : knownCodes.find((code) => code === name)
  if (known !== undefined && message !== undefined) return new TrainingError(known, message, { modelDir })
  const how = code === null ? 'was ended by a signal; was there too little memory?' : `ended with ${code}`
  const detail = message === undefined ? (tail.split('\n').at(-1) ?? '') : `${name}: ${message}`
  const text = `The evaluation of ${modelDir} ${how}${detail === '' ? '' : `: ${detail}`}`
  return new TrainingError('EVALUATION_FAILED', text, { modelDir, tail })
}

const progressSchema = z.object({ suite: z.string(), done: z.int().nonnegative(), total: z.int().nonnegative() })
const unitOf: Record<string, string> = { heldOut: 'rows', needle: 'tasks', completion: 'tasks' }
const titleOf: Record<string, string> = { heldOut: 'Held-out', needle: 'Needles', completion: 'Completion' }

/** Shows a progress bar for each suite that the program reports; ignores its other lines. */
class SuiteBars {
  readonly #progress: Progress
  #current: { suite: string; done: number; bar: StageProgress } | null = null

  constructor(progress: Progress) {
    this.#progress = progress
  }

  show(line: string): void {
    if (!line.startsWith('{')) return
    let step: z.infer<typeof progressSchema>
    try {
      step = progressSchema.parse(JSON.parse(line))
    } catch {
      return
    }
    const { suite, done, total } = step
    if (this.#current?.suite !== suite) {
      this.finish()
      const bar = this.#progress.stage(titleOf[suite] ?? suite, total, unitOf[suite] ?? 'tasks')
      this.#current = { suite, done: 0, bar }
    }
    if (done > this.#current.done) this.#current.bar.advance(done - this.#current.done)
    this.#current.done = done
  }

  finish(): void {
    this.#current?.bar.finish()
    this.#current = null
  }
}
