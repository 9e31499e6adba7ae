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
  const problems = result.error.issues.map((issue) => `${issue.path.join('.') || '(top level)'}: ${issue.message}`)
  throw new CoreError(
    'CONFIG_INVALID',
    `${source} is not a valid config: ${problems.join('; ')}. Correct these keys.`,
    {
      problems,
    },
  )
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
