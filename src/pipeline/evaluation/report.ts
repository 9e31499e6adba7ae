import { retraceVersion } from '../../config.js'
import { CoreError, readFileIfPresent, writeFileAtomic } from '../../core/index.js'
import { evaluationReportSchema, type EvaluatedModel, type EvaluationReport } from '../../records/index.js'
import type { ModelToEvaluate } from './models.js'
import type { EvaluationRepositories } from './repositories.js'

/** A report to go on with: the earlier one in the file, if it has the same data and limit, with new models added. */
export function beginReport(
  out: string | null,
  models: readonly ModelToEvaluate[],
  repositories: EvaluationRepositories | null,
  limit: number | null,
): EvaluationReport {
  const data = repositories === null ? null : { folder: repositories.folder, digest: repositories.digest }
  const fresh: EvaluationReport = { schemaVersion: 1, retraceVersion: retraceVersion(), data, limit, models: [] }
  const earlier = out === null ? null : readReport(out)
  if (earlier !== null) checkSame(out as string, earlier, fresh)
  const isNew = ({ digest }: ModelToEvaluate): boolean =>
    earlier?.models.every((model) => model.digest !== digest) ?? true
  // A folder with new weights is another model; the results of the old weights are dropped.
  const isReplaced = ({ folder }: EvaluatedModel): boolean => models.some((now) => now.folder === folder && isNew(now))
  const kept = earlier?.models.filter((model) => !isReplaced(model)) ?? []
  const added = models.filter(isNew).map(({ name, folder, digest, contextLength }) => ({
    name: kept.some((model) => model.name === name) ? folder : name,
    folder,
    digest,
    contextLength,
    suites: {},
  }))
  return { ...fresh, data: data ?? earlier?.data ?? null, models: [...kept, ...added] }
}

export function writeReport(out: string, report: EvaluationReport): void {
  writeFileAtomic(out, `${JSON.stringify(report, null, 2)}\n`)
}

/** The report in a file, `null` where there is none. @throws CoreError `CONFIG_INVALID` where the file is something else */
function readReport(path: string): EvaluationReport | null {
  const bytes = readFileIfPresent(path)
  if (bytes === null) return null
  try {
    return evaluationReportSchema.parse(JSON.parse(bytes.toString('utf8')))
  } catch (cause) {
    const message = `${path} holds something else than a report of this version. Give another --out.`
    throw new CoreError('CONFIG_INVALID', message, { path }, { cause })
  }
}

function checkSame(path: string, earlier: EvaluationReport, now: EvaluationReport): void {
  const differs = [
    ...(earlier.retraceVersion === now.retraceVersion ? [] : ['version of retrace']),
    ...(earlier.limit === now.limit ? [] : ['--limit']),
    ...(earlier.data === null || now.data === null || earlier.data.digest === now.data.digest ? [] : ['--data']),
  ]
  if (differs.length === 0) return
  const message = `${path} holds an evaluation with another ${differs.join(' and another ')}. Give another --out, or the same as before.`
  throw new CoreError('RUN_MISMATCH', message, { path, differs })
}
