// The main job on real input with one command: sources that installed packages ship (and, where there is a Python, a
// package of its standard library) become packed shards and a report, with the small model that ships in models/.
// `npm run demo -- FOLDER` writes to another folder than runs/demo.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { root, runOrExit, setup } from './setup.mjs'

/** semver: over 40 files and a dependency cycle. The others: TypeScript, CommonJS and ES modules, small and large files. */
const packages = ['semver', 'piscina/src', 'cli-progress', 'uvu', 'picocolors']

setup()
const repositories = packages.map((name) => join('node_modules', name)).filter((path) => existsSync(join(root, path)))
const python = spawnSync('python3', ['-c', 'import json, os; print(os.path.dirname(json.__file__))'], {
  encoding: 'utf8',
})
if (python.status === 0 && existsSync(python.stdout.trim())) repositories.push(python.stdout.trim())
else console.error('No python3 here: the demo goes without a Python repository.')

const out = process.argv[2] ?? join('runs', 'demo')
const retrace = join('dist', 'src', 'cli', 'main.js')
runOrExit(process.execPath, [
  retrace,
  'run',
  ...repositories,
  '--out',
  out,
  '--config',
  join('scripts', 'demo.config.json'),
])
