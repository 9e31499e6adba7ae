// Lint, format and types of the Python: ruff and pyright as pyproject.toml has them. Each is left out, and says so, where
// it is not installed.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join, relative } from 'node:path'
import { root } from './setup.mjs'

const venv = join(root, '.venv', 'bin')
const ruff = join(venv, 'ruff')
const pyright = join(root, 'node_modules', 'pyright', 'index.js')
const install = 'python3 -m venv .venv && .venv/bin/pip install -r test/python/requirements.txt'

const checks = [
  { name: 'ruff check', missing: lacks(ruff), command: [ruff, 'check', '--quiet'] },
  { name: 'ruff format', missing: lacks(ruff), command: [ruff, 'format', '--check', '--quiet'] },
  // Without the packages that the code imports, none of their types could be found.
  { name: 'pyright', missing: lacks(pyright) ?? lacks(join(venv, 'python')), command: [process.execPath, pyright] },
]

function lacks(path) {
  return existsSync(path) ? null : `no ${relative(root, path)} (${path.startsWith(venv) ? install : 'npm ci'})`
}

let failed = 0
for (const { name, missing, command } of checks) {
  if (missing !== null) {
    console.log(`skipped: ${name}: ${missing}`)
    continue
  }
  const [program, ...args] = command
  const { status, error } = spawnSync(program, args, { cwd: root, stdio: 'inherit' })
  if (status === 0) continue
  console.error(`${name} ${error ? `could not be started: ${error.message}` : `failed with ${status}`}`)
  failed++
}
process.exitCode = failed > 0 ? 1 : 0
