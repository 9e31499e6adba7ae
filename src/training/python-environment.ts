import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { digestOf, type Progress } from '../core/index.js'
import { isForeign, makeEnvironmentOnce, type Requirements } from './make-environment.js'
import { checkModules, probePython, readRequirements } from './probe.js'

export interface PythonChoice {
  /** An interpreter that already has what is needed; nothing is installed into it. */
  python?: string | undefined
  /** Folder of the virtual environment, which is made where it is missing; by default in the user's cache folder. */
  venv?: string | undefined
  extras?: 'trl' | undefined
}

/**
 * The path of an interpreter that has what training and evaluation need. Where the choice names none, a virtual
 * environment is made once and shared by all runs that need the same packages.
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

/** The interpreter that `preparePython` will return; it may not exist yet. */
export function pythonPath(choice: PythonChoice): string {
  // The system looks up a bare name; a path must mean the same in whatever folder a process works.
  if (choice.python !== undefined) return choice.python.includes('/') ? resolve(choice.python) : choice.python
  return join(environmentFolder(choice, readRequirements(choice.extras)), 'bin', 'python')
}

function environmentFolder({ venv }: PythonChoice, requirements: Requirements): string {
  if (venv !== undefined) return resolve(venv)
  const given = process.env['XDG_CACHE_HOME']
  const cache = given === undefined || given === '' ? join(homedir(), '.cache') : given
  return join(cache, 'retrace', `python-${digestOf(requirements.map(({ digest }) => digest)).slice(0, 12)}`)
}
