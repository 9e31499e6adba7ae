// Writes the generated pages of docs/, the JSON schema of the config and the example of the README. With --check it writes
// nothing and fails where one of them is not current.
import { spawnSync } from 'node:child_process'
import { root, setup } from './setup.mjs'

setup()
const { status } = spawnSync(process.execPath, ['dist/scripts/docs/main.js', ...process.argv.slice(2)], {
  cwd: root,
  stdio: 'inherit',
})
process.exitCode = status ?? 1
