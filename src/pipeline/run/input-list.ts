import { readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { CoreError } from '../../core/index.js'

/**
 * The inputs of a list file: one per line, relative to the folder of the file; empty lines and lines that begin with `#`
 * are skipped.
 *
 * @throws CoreError `INPUT_NOT_FOUND`, `INPUT_INVALID`
 */
export function readInputList(path: string): string[] {
  let text: string
  try {
    text = readFileSync(path, 'utf8')
  } catch (cause) {
    const why = (cause as NodeJS.ErrnoException).code === 'ENOENT' ? 'does not exist' : 'cannot be read'
    throw new CoreError('INPUT_NOT_FOUND', `${path} ${why}. Give a file with one repository a line.`, {}, { cause })
  }
  const lines = text.split('\n').map((line) => line.trim())
  const inputs = lines.filter((line) => line !== '' && !line.startsWith('#'))
  if (inputs.length === 0) throw new CoreError('INPUT_INVALID', `${path} names no repository. Put one on each line.`)
  return inputs.map((input) => resolve(dirname(path), input))
}
