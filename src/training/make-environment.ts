import { existsSync, mkdirSync, readdirSync, rmSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { z } from 'zod'
import { readFileIfPresent, takeLockFile, writeFileAtomic, type Progress } from '../core/index.js'
import { TrainingError } from './errors.js'
import { runProcess, type ProcessEnd } from './run-process.js'

/** Files for `pip install -r`, with the digests of their contents. */
export type Requirements = readonly { name: string; path: string; digest: string }[]

interface MakingContext {
  progress: Progress
  signal?: AbortSignal | undefined
}

/** A file in every environment that we make, from its beginning; `installed` is null until it is complete. */
const markerName = 'retrace-environment.json'
const markerSchema = z.object({ installed: z.record(z.string(), z.string()).nullable() })
type Marker = z.infer<typeof markerSchema>

/** Whether a folder holds files but no environment of ours. */
export function isForeign(folder: string): boolean {
  return existsSync(folder) && readdirSync(folder).length > 0 && readMarker(folder) === null
}

/**
 * Makes a virtual environment with the requirements in it, where it is missing. Of several processes one makes it and the
 * others wait; an environment that a kill left incomplete is made anew.
 *
 * @returns whether something was installed
 * @throws TrainingError `PYTHON_MISSING`, `ENVIRONMENT_FAILED`, `ENVIRONMENT_BUSY`, or the signal's reason
 */
export async function makeEnvironmentOnce(
  folder: string,
  requirements: Requirements,
  context: MakingContext,
): Promise<boolean> {
  if (isForeign(folder)) {
    const message = `${folder} holds other things than a Python environment. Give another --venv.`
    throw new TrainingError('ENVIRONMENT_FAILED', message, { folder })
  }
  if (isReady(folder, requirements)) return false
  mkdirSync(dirname(folder), { recursive: true })
  const unlock = await waitForLock(`${folder}.lock`, folder, context)
  try {
    if (isReady(folder, requirements)) return false
    await make(folder, requirements, context)
    return true
  } finally {
    unlock()
  }
}

function isReady(folder: string, requirements: Requirements): boolean {
  const installed = readMarker(folder)?.installed ?? {}
  return requirements.every(({ name, digest }) => installed[name] === digest)
}

function readMarker(folder: string): Marker | null {
  const bytes = readFileIfPresent(join(folder, markerName))
  try {
    return bytes === null ? null : markerSchema.parse(JSON.parse(bytes.toString('utf8')))
  } catch {
    return { installed: null }
  }
}

function writeMarker(folder: string, marker: Marker): void {
  writeFileAtomic(join(folder, markerName), `${JSON.stringify(marker)}\n`)
}

const maxWaitMs = 3_600_000

async function waitForLock(path: string, folder: string, { progress, signal }: MakingContext): Promise<() => void> {
  const deadline = performance.now() + maxWaitMs
  for (let isReported = false; performance.now() < deadline; isReported = true) {
    signal?.throwIfAborted()
    const unlock = takeLockFile(path)
    if (unlock !== null) return unlock
    if (!isReported) progress.note(`Another process makes the Python environment ${folder}; waiting for it.`)
    await sleep(500)
  }
  const message = `Another process has been making ${folder} for an hour (${path}). Delete that file if it is gone.`
  throw new TrainingError('ENVIRONMENT_BUSY', message, { path })
}

const systemPython = 'python3'
const maxSeconds = { venv: 300, pip: 3600 }
/** The lines of pip that show progress: the large files, and the last part. */
const pipMilestone = /^(Downloading .{1,300}\([\d.]+ [MG]B\)|Installing collected packages)/

async function make(folder: string, requirements: Requirements, { progress, signal }: MakingContext): Promise<void> {
  const earlier = readMarker(folder)?.installed ?? null
  const python = join(folder, 'bin', 'python')
  if (earlier === null) {
    progress.note(`Making a Python environment in ${folder}, once: PyTorch is fetched, which can take minutes.`)
    rmSync(folder, { recursive: true, force: true })
    writeMarker(folder, { installed: null })
    const timeoutMs = 1000 * maxSeconds.venv
    checkEnd(
      await runProcess([systemPython, '-m', 'venv', folder], { signal, timeoutMs }),
      'python3 -m venv',
      folder,
      signal,
    )
  }
  const files = requirements.flatMap(({ path }) => ['-r', path])
  const quiet = ['--disable-pip-version-check', '--no-input', '--progress-bar', 'off']
  const end = await runProcess([python, '-m', 'pip', 'install', ...quiet, ...files], {
    signal,
    timeoutMs: 1000 * maxSeconds.pip,
    onLine: (line) => {
      const milestone = pipMilestone.exec(line.trim())?.[0]
      if (milestone !== undefined) progress.detail(milestone)
    },
  })
  checkEnd(end, 'pip install', folder, signal)
  const installed = Object.fromEntries(requirements.map(({ name, digest }) => [name, digest]))
  writeMarker(folder, { installed: { ...earlier, ...installed } })
}

/** @throws TrainingError `PYTHON_MISSING` where there is no Python, `ENVIRONMENT_FAILED`, or the signal's reason */
function checkEnd(end: ProcessEnd, what: string, folder: string, signal: AbortSignal | undefined): void {
  signal?.throwIfAborted()
  if (end.startError?.code === 'ENOENT') {
    const message = `There is no ${systemPython} on this machine. Install Python 3.11 or later, or give one that has PyTorch with --python.`
    throw new TrainingError('PYTHON_MISSING', message)
  }
  if (end.code === 0) return
  const how = end.startError?.message ?? (end.code === null ? 'was ended by a signal' : `ended with ${end.code}`)
  const message = `${what} for ${folder} ${how}. Run the same command again once that is mended, or give --python. Its last words:\n${end.tail}`
  throw new TrainingError('ENVIRONMENT_FAILED', message, { folder })
}
