// The tests that need a GPU, test/gpu; each says aloud why it is skipped where there is none. For the whole proof on a
// GPU, with measurements, see scripts/gpu-check.
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { root } from './setup.mjs'

const { status } = spawnSync(process.execPath, [join(root, 'scripts', 'test.mjs'), 'gpu/'], {
  cwd: root,
  stdio: 'inherit',
})
process.exitCode = status ?? 1
