import { readFileSync } from 'node:fs'
import type { ZodType, output } from 'zod'
import { describeProblems, type RenamedKeys } from './config-problems.js'
import { CoreError } from './errors.js'

/**
 * Checks a config against its schema and fills in the defaults.
 *
 * @param source what is checked, for the error: a path, or a few words
 * @throws CoreError `CONFIG_INVALID` that says in one line what is wrong with every wrong key
 */
export function parseConfig<S extends ZodType>(
  schema: S,
  value: unknown,
  source: string,
  renamedKeys: RenamedKeys = {},
): output<S> {
  const result = schema.safeParse(value)
  if (result.success) return result.data
  const problems = describeProblems(schema, value, result.error.issues, renamedKeys)
  const message = `${source} is not a valid config: ${problems.join('; ')}. Correct these keys.`
  throw new CoreError('CONFIG_INVALID', message, { problems })
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
    return JSON.parse(text.replace(/^\ufeff/, '')) as unknown
  } catch (cause) {
    // The parser quotes the text that it stopped at, with its line breaks.
    const why = (cause as Error).message.replace(/[\p{Cc}\s]+/gu, ' ')
    throw new CoreError('CONFIG_INVALID', `${path} is not JSON: ${why}. Correct the file.`, { path }, { cause })
  }
}

/** Reads a config file, unchecked; `$schema`, by which editors find the JSON schema, is no key of ours. @throws as `readJsonFile` */
export function readConfigFile(path: string): unknown {
  const file = readJsonFile(path)
  if (typeof file !== 'object' || file === null || Array.isArray(file)) return file
  const { $schema: _, ...config } = file as Record<string, unknown>
  return config
}
