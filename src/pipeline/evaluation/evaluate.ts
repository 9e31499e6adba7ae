import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { CoreError } from '../../core/index.js'
import type { EvaluatedModel, EvaluationReport, SuiteOutcome } from '../../records/index.js'
import {
  compareTable,
  outsideCommands,
  outsideSuiteNames,
  preparePython,
  pythonPath,
  runOutsideSuite,
  type OutsideFolder,
  type OutsideRequest,
  type OutsideSuiteName,
  type PythonChoice,
} from '../../training/index.js'
import { readModels, wasTrainedOn, type ModelToEvaluate } from './models.js'
import { offlineSuiteLine, offlineSuiteNames, runOfflineSuite, type OfflineSuiteName } from './offline-suites.js'
import { beginReport, writeReport } from './report.js'
import { openEvaluationRepositories, type EvaluationRepositories } from './repositories.js'
import type { RunContext } from '../run/run-context.js'

export type SuiteName = OfflineSuiteName | OutsideSuiteName
export const evaluationSuiteNames: readonly SuiteName[] = [...offlineSuiteNames, ...outsideSuiteNames]

export interface EvaluationRequest {
  /** Model folders, or those of `retrace train`. */
  models: readonly string[]
  /** A run whose repositories the models were not trained on; the offline suites are made of them. */
  data: string | null
  /** The file of the report. Without it an evaluation that was stopped begins anew. */
  out: string | null
  suites: readonly SuiteName[]
  /** Tasks of a suite: needles of each length and depth, completions, examples of an outside task; `null`: as many as the suite has. */
  limit: number | null
  device: 'auto' | 'cpu' | 'cuda'
  python: PythonChoice
  folders: Partial<Record<OutsideFolder, string>>
  /** Whether code that a model wrote may be run on this machine. */
  allowGeneratedCode: boolean
}

/** Suites of a list with commas; `offline`, `outside` and `all` stand for several. @throws CoreError `CONFIG_INVALID` */
export function parseSuites(text: string): SuiteName[] {
  const groups: Record<string, readonly SuiteName[]> = {
    offline: offlineSuiteNames,
    outside: outsideSuiteNames,
    all: evaluationSuiteNames,
  }
  const named = text.split(',').flatMap((word): readonly SuiteName[] => {
    const suite = evaluationSuiteNames.find((name) => name === word)
    const group = Object.hasOwn(groups, word) ? groups[word] : suite === undefined ? undefined : [suite]
    if (group === undefined) {
      const known = [...Object.keys(groups), ...evaluationSuiteNames].join(', ')
      throw new CoreError('CONFIG_INVALID', `--suites knows no ${JSON.stringify(word)}. It knows: ${known}.`)
    }
    return group
  })
  return evaluationSuiteNames.filter((name) => named.includes(name))
}

/**
 * Measures models by one suite after another. The report is written after each, so the same call after a stop goes on
 * with the suites that are missing; a suite that was skipped is tried again.
 *
 * @throws RetraceError with a code; an outside suite that cannot run is no failure, its reason stands in the report
 */
export async function evaluate(request: EvaluationRequest, context: RunContext): Promise<EvaluationReport> {
  const repositories = repositoriesOf(request)
  const models = await readModels(request.models)
  const report = beginReport(request.out, models, repositories, request.limit)
  noteTrainedOn(models, repositories, context)
  const work = mkdtempSync(join(tmpdir(), 'retrace-eval-'))
  let interpreter: Promise<string> | undefined
  try {
    for (const model of models) {
      const entry = report.models.find(({ digest }) => digest === model.digest) as EvaluatedModel
      for (const suite of request.suites) {
        context.signal?.throwIfAborted()
        if (isDone(entry.suites[suite])) {
          context.progress.detail(`${model.name}, ${suite}: measured before.`)
          continue
        }
        context.progress.detail(`${model.name}, ${suite}:`)
        const python = await (interpreter ??= preparePython(request.python, context))
        const outcome = await runSuite(suite, { request, model, repositories, work, python, context })
        if ('skipped' in outcome) context.progress.note(`${model.name}, ${suite}: skipped, ${outcome.skipped}`)
        entry.suites[suite] = outcome
        if (request.out !== null) writeReport(request.out, report)
      }
    }
    return report
  } finally {
    rmSync(work, { recursive: true, force: true })
  }
}

/** The commands that an evaluation would start, without starting any; `WORK` stands for a folder that it makes first. */
export async function evaluationCommands(request: EvaluationRequest): Promise<string> {
  repositoriesOf(request)
  const python = pythonPath(request.python)
  const lines = (await readModels(request.models)).flatMap((model) =>
    request.suites.flatMap((suite) => [`# ${model.name}, ${suite}`, ...commandsOf(suite, request, model, python)]),
  )
  return lines.map((line) => `${line}\n`).join('')
}

/** The commands of a suite, for a person who starts it by hand. */
function commandsOf(suite: SuiteName, request: EvaluationRequest, model: ModelToEvaluate, python: string): string[] {
  if (!isOffline(suite)) return outsideCommands(suite, outsideRequest(request, model, suite, 'WORK', python))
  return [offlineSuiteLine(suite, { model, work: 'WORK', device: request.device, python })]
}

/** A report as a table: the models side by side, with the paper's figures where its benchmarks were asked for. */
export function describeEvaluation(report: EvaluationReport): string {
  return compareTable(report)
}

interface SuiteWork {
  request: EvaluationRequest
  model: ModelToEvaluate
  repositories: EvaluationRepositories | null
  work: string
  python: string
  context: RunContext
}

async function runSuite(
  suite: SuiteName,
  { request, model, repositories, work, python, context }: SuiteWork,
): Promise<SuiteOutcome> {
  if (!isOffline(suite)) {
    const started = performance.now()
    const outcome = await runOutsideSuite(suite, outsideRequest(request, model, suite, work, python), context)
    if ('skipped' in outcome) return { ...outcome, commands: commandsOf(suite, request, model, python) }
    const seconds = Math.round(performance.now() - started) / 1000
    return { ranAt: new Date().toISOString(), seconds, results: { figures: outcome.figures } }
  }
  if (repositories === null) throw new CoreError('CONFIG_INVALID', `The suite ${suite} needs --data RUN.`)
  const shared = join(work, `${model.tokenizer.digest.slice(0, 12)}-${model.contextLength}`)
  const { limit, device } = request
  return runOfflineSuite(suite, { model, repositories, work: shared, device, python, limit, context })
}

function outsideRequest(
  { device, limit, folders, allowGeneratedCode }: EvaluationRequest,
  model: ModelToEvaluate,
  suite: SuiteName,
  work: string,
  python: string,
): OutsideRequest {
  const unique = `${model.name.replaceAll(/[^A-Za-z0-9._-]/g, '-')}-${model.digest.slice(0, 12)}`
  return {
    modelDir: model.folder,
    modelLink: join(work, 'models', unique),
    contextLength: model.contextLength,
    out: join(work, suite, unique),
    device,
    python,
    limit,
    folders: Object.fromEntries(Object.entries(folders).map(([name, folder]) => [name, resolve(folder)])),
    allowGeneratedCode,
  }
}

const isOffline = (name: SuiteName): name is OfflineSuiteName => offlineSuiteNames.some((offline) => offline === name)
const isDone = (outcome: SuiteOutcome | undefined): boolean => outcome !== undefined && 'results' in outcome

/** @throws CoreError `CONFIG_INVALID` where suites need data and there is none, or nothing is to be done */
function repositoriesOf({ data, suites, models }: EvaluationRequest): EvaluationRepositories | null {
  if (models.length === 0 || suites.length === 0) {
    throw new CoreError('CONFIG_INVALID', 'There is nothing to measure: name a model and a suite.')
  }
  const needing = suites.filter(isOffline)
  if (data !== null) return openEvaluationRepositories(data)
  if (needing.length === 0) return null
  const message = `The suites ${needing.join(', ')} are made of a run's repositories: give --data RUN, of code that the model was not trained on.`
  throw new CoreError('CONFIG_INVALID', message)
}

function noteTrainedOn(
  models: readonly ModelToEvaluate[],
  repositories: EvaluationRepositories | null,
  { progress }: RunContext,
): void {
  const shards = repositories?.shards?.folder
  if (shards === undefined) return
  for (const { name, folder } of models.filter((model) => wasTrainedOn(model.folder, shards))) {
    progress.note(`${name} (${folder}) was trained on this very run: nothing measured on it is held out.`)
  }
}
