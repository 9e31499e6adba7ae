import { accessSync, constants, existsSync, mkdirSync, rmSync } from 'node:fs'
import { delimiter, dirname, join } from 'node:path'
import type { Progress } from '../../core/index.js'
import { TrainingError } from '../errors.js'
import { runProcess } from '../run-process.js'
import { noLocalModules } from '../probe.js'
import { environmentOf, shellLine } from './command.js'
import { unlimitedMs } from './evaluate-offline.js'
import { lmEvalSuites } from './lm-eval-suites.js'
import type { Need, OutsideRequest, OutsideSuite } from './outside-suite.js'
import { repositorySuites } from './repository-suites.js'

/** Every outside suite by its name on the command line. */
export const outsideSuites = { ...lmEvalSuites, ...repositorySuites } satisfies Record<string, OutsideSuite>
export type OutsideSuiteName = keyof typeof outsideSuites
export const outsideSuiteNames = Object.keys(outsideSuites) as OutsideSuiteName[]

type OutsideOutcome = { figures: Record<string, number> } | { skipped: string }

/** The commands of a suite as lines for a shell. */
export function outsideCommands(name: OutsideSuiteName, request: OutsideRequest): string[] {
  return suiteOf(name).commands(request).map(shellLine)
}

/** Runs a suite. One that cannot run or fails is skipped with the reason. @throws the signal's reason */
export async function runOutsideSuite(
  name: OutsideSuiteName,
  request: OutsideRequest,
  context: { progress: Progress; signal?: AbortSignal | undefined },
): Promise<OutsideOutcome> {
  const suite = suiteOf(name)
  const skip = (reason: string): OutsideOutcome => ({ skipped: reason })
  for (const need of suite.needs) {
    const missing = await findMissing(need, request, context.signal)
    if (missing !== null) return skip(missing)
  }
  for (const folder of [request.out, dirname(request.modelLink)]) mkdirSync(folder, { recursive: true })
  try {
    for (const command of suite.commands(request)) {
      context.progress.detail(shellLine(command))
      const end = await runProcess(command.argv, {
        env: environmentOf(command),
        cwd: command.cwd,
        signal: context.signal,
        timeoutMs: unlimitedMs,
      })
      context.signal?.throwIfAborted()
      if (end.startError !== null) return skip(`${command.argv[0]} cannot be started: ${end.startError.message}`)
      if (end.code !== 0) return skip(describeFailure(suite, end))
    }
    return { figures: suite.read(request) }
  } catch (error) {
    if (error instanceof TrainingError && error.code === 'RESULTS_INVALID') return skip(error.message)
    throw error
  } finally {
    rmSync(request.modelLink, { force: true })
  }
}

function suiteOf(name: OutsideSuiteName): OutsideSuite {
  return outsideSuites[name]
}

/** Why a suite failed, with its last line of output: in a Python traceback that line has the cause. */
function describeFailure(
  { title, fetches }: OutsideSuite,
  { code, tail }: { code: number | null; tail: string },
): string {
  const last = tail.split('\n').at(-1) ?? ''
  const how = code === null ? 'was ended by a signal' : `ended with ${code}`
  return `${title} ${how}${last === '' ? '' : `: ${last.slice(0, 500)}`} (it fetches ${fetches})`
}

/** What is missing of a requirement, as a sentence; `null` where it is met. */
async function findMissing(
  need: Need,
  request: OutsideRequest,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  switch (need.kind) {
    case 'modules':
      return missingModule(need, request.python, signal)
    case 'program':
      return isOnPath(need.program) ? null : `the program ${need.program} is not there; it comes from ${need.from}`
    case 'folder':
      return missingFolder(need, request.folders[need.folder])
    case 'context':
      return request.contextLength >= need.tokens
        ? null
        : `it asks for ${need.tokens} tokens, and the model claims ${request.contextLength}`
    case 'generated-code':
      return request.allowGeneratedCode
        ? null
        : 'it runs code that the model wrote, with your rights; give --allow-generated-code, best within a container'
  }
}

async function missingModule(
  { modules, install }: Extract<Need, { kind: 'modules' }>,
  python: string,
  signal: AbortSignal | undefined,
): Promise<string | null> {
  const code = 'import importlib.util, sys; print(*[m for m in sys.argv[1:] if importlib.util.find_spec(m) is None])'
  const env = { ...process.env, ...noLocalModules }
  const end = await runProcess([python, '-c', code, ...modules], { env, signal, timeoutMs: 120_000 })
  signal?.throwIfAborted()
  if (end.code !== 0) return `${python} does not answer: ${end.startError?.message ?? end.tail}`
  const missing = end.stdout.trim().split(/\s+/).join(', ')
  if (missing === '') return null
  return `${python} has no ${missing}; ${python} -m pip install '${install}' would bring it`
}

function missingFolder(
  { folder, from, holds }: Extract<Need, { kind: 'folder' }>,
  path: string | undefined,
): string | null {
  if (path === undefined) return `it needs its own repository, ${from}; give its folder by --${folder}`
  const missing = holds.find((name) => !existsSync(join(path, name)))
  return missing === undefined
    ? null
    : `${path} has no ${missing}; --${folder} takes the folder of ${from}, with its data`
}

function isOnPath(program: string): boolean {
  return (process.env['PATH'] ?? '').split(delimiter).some((folder) => {
    try {
      accessSync(join(folder, program), constants.X_OK)
      return folder !== ''
    } catch {
      return false
    }
  })
}
