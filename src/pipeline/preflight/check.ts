import { RetraceError } from '../../core/index.js'

/** One thing that a run needs or may use. */
export interface Check {
  name: string
  /** Whether the run that is asked for cannot go without it. */
  isNeeded: boolean
  /** What was found, in a few words. @throws RetraceError that says what is missing, and the next step */
  find: () => Promise<string> | string
}

/** The result of a check: what was found, or the message of the error. */
export interface CheckResult {
  name: string
  isNeeded: boolean
  isOk: boolean
  detail: string
  /** The code of the error. */
  code: string | null
}

/** Does the needed checks in order. @throws the error of the first that fails */
export async function requireAll(checks: readonly Check[]): Promise<void> {
  for (const check of checks.filter(({ isNeeded }) => isNeeded)) await check.find()
}

/** Does all checks, whether or not one before them failed. */
export async function tryAll(checks: readonly Check[]): Promise<CheckResult[]> {
  const results: CheckResult[] = []
  for (const check of checks) results.push(await tryCheck(check))
  return results
}

async function tryCheck({ name, isNeeded, find }: Check): Promise<CheckResult> {
  try {
    return { name, isNeeded, isOk: true, detail: await find(), code: null }
  } catch (error) {
    if (!(error instanceof RetraceError) || error.code === 'ABORTED') throw error
    return { name, isNeeded, isOk: false, detail: error.message, code: error.code }
  }
}
