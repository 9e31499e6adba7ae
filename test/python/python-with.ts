import { execFileSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'

const root = process.env.RETRACE_ROOT ?? process.cwd()

/** What a Python needs to import our packages, to leave nothing beside them and to take one core. */
export const pythonVariables = {
  PYTHONPATH: join(root, 'python'),
  PYTHONDONTWRITEBYTECODE: '1',
  OMP_NUM_THREADS: '1',
}

/** A Python that can import this module, or why there is none. */
export function pythonWith(module: string): { python: string } | { reason: string } {
  const python = process.env.RETRACE_PYTHON ?? join(root, '.venv/bin/python')
  if (process.env.RETRACE_PYTHON === undefined && !existsSync(python)) {
    return { reason: `no ${python}, and RETRACE_PYTHON is not set` }
  }
  try {
    execFileSync(python, ['-c', `import ${module}`], { stdio: 'ignore' })
    return { python }
  } catch {
    return { reason: `${python} cannot import ${module}` }
  }
}
