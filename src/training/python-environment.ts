import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { digestOf, type Progress } from '../core/index.js'
import { isForeign, makeEnvironmentOnce, type Requirements } from './make-environment.js'
import { checkModules, probePython, readRequirements } from './probe.js'

export interface PythonChoice {
  /** An interpreter that has what is needed already; nothing is installed into it. */
  python?: string | undefined
  /** Where the virtual environment is, or is to be made; the cache folder by default. */
  venv?: string | undefined
  extras?: 'trl' | undefined
}

/**
 * The path of an interpreter that has what training and evaluation need. Where none is named, a virtual environment is
 * made once and shared by all who need the same.
 *
 * @throws TrainingError `PYTHON_MISSING`, `PYTHON_INCOMPLETE`, `ENVIRONMENT_FAILED`, `ENVIRONMENT_BUSY`
 */
export async function preparePython(
  choice: PythonChoice,
  context: { progress: Progress; signal?: AbortSignal | undefined },
): Promise<string> {
  const python = pythonPath(choice)
  const requirements = readRequirements(choice.extras)
  const folder = choice.python === undefined ? environmentFolder(choice, requirements) : null
  const isOurs = folder !== null && !(existsSync(python) && isForeign(folder))
  if (isOurs && !(await makeEnvironmentOnce(folder, requirements, context))) return python
  checkModules(python, await probePython(python, context.signal), choice.extras)
  return python
}

/** The interpreter that `preparePython` will give; it need not be there yet. */
export function pythonPath(choice: PythonChoice): string {
  // A bare name is looked up by the system; a path must not change its meaning with the folder that a process works in.
  if (choice.python !== undefined) return choice.python.includes('/') ? resolve(choice.python) : choice.python
  return join(environmentFolder(choice, readRequirements(choice.extras)), 'bin', 'python')
}

function environmentFolder({ venv }: PythonChoice, requirements: Requirements): string {
  if (venv !== undefined) return resolve(venv)
  const given = process.env['XDG_CACHE_HOME']
  const cache = given === undefined || given === '' ? join(homedir(), '.cache') : given
  return join(cache, 'retrace', `python-${digestOf(requirements.map(({ digest }) => digest)).slice(0, 12)}`)
}
