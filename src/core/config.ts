import { readFileSync } from 'node:fs'
import type { ZodType, output } from 'zod'
import { CoreError } from './errors.js'

/**
 * Checks a config against its schema and fills in the defaults.
 *
 * @throws CoreError `CONFIG_INVALID` with the path of every wrong key, in one line.
 */
export function parseConfig<S extends ZodType>(schema: S, value: unknown, source: string): output<S> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const problems = (result.error.issues as Issue[])
    .flatMap((issue) => innerIssues(issue))
    .map((issue) => `${issue.path.join('.') || '(top level)'}: ${issue.message}`)
  throw new CoreError(
    'CONFIG_INVALID',
    `${source} is not a valid config: ${problems.join('; ')}. Correct these keys.`,
    {
      problems,
    },
  )
}

interface Issue {
  path: PropertyKey[]
  message: string
  code?: string
  errors?: Issue[][]
}

/** Where none of several forms fits, what is wrong with the one that the value comes closest to. */
function innerIssues(issue: Issue): Issue[] {
  if (issue.code !== 'invalid_union' || issue.errors === undefined) return [issue]
  const depthOf = (issues: Issue[]): number => Math.max(0, ...issues.map((one) => one.path.length))
  const closest = [...issue.errors].sort((a, b) => depthOf(b) - depthOf(a))[0]
  if (closest === undefined || depthOf(closest) === 0) return [issue]
  return closest.map((one) => ({ ...one, path: [...issue.path, ...one.path] }))
}

/** Reads a JSON file as it is, unchecked. @throws CoreError `INPUT_NOT_FOUND` or `CONFIG_INVALID` */
export function readJsonFile(path: string): unknown {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be read'
    throw new CoreError('INPUT_NOT_FOUND', `${path} ${why}. Check the path.`, { path }, { cause })
  }
  try {
    return JSON.parse(text) as unknown
  } catch (cause) {
    throw new CoreError('CONFIG_INVALID', `${path} is not JSON: ${(cause as Error).message}.`, { path }, { cause })
  }
}
