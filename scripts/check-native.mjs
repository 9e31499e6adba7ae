// Holds native/ to .clang-format; with `--fix` formats it. Left out, and says so, where the pinned clang-format is not
// installed: other versions break lines elsewhere.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { root } from './setup.mjs'

const program = join(root, '.venv', 'bin', 'clang-format')
const files = readdirSync(join(root, 'native'), { recursive: true })
  .filter((name) => /\.(h|cc|cu|cuh)$/.test(name))
  .map((name) => join('native', name))

if (existsSync(program)) {
  const mode = process.argv.includes('--fix') ? ['-i'] : ['--dry-run', '-Werror']
  process.exitCode = spawnSync(program, [...mode, ...files], { cwd: root, stdio: 'inherit' }).status ?? 1
} else {
  const install = 'python3 -m venv .venv && .venv/bin/pip install -r test/python/requirements.txt'
  console.log(`skipped: clang-format: no .venv/bin/clang-format (${install})`)
}
