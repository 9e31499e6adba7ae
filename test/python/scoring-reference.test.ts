import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'uvu'
import * as assert from 'uvu/assert'
import { compareWithReference } from '../scoring/reference.js'

const root = process.env.RETRACE_ROOT ?? process.cwd()
const python = [process.env.RETRACE_PYTHON, join(root, '.venv/bin/python')].find((path) => path && existsSync(path))
const missing = whyNot()

function whyNot(): string | null {
  if (python === undefined) return 'no Python: set RETRACE_PYTHON or make .venv with torch and transformers'
  const { status } = spawnSync(python, ['-c', 'import torch, transformers, numpy'], { stdio: 'ignore' })
  return status === 0 ? null : `${python} has no torch and transformers`
}

const variants = ['grouped', 'float32', 'one-kv-head', 'llama3-rope']
const folder = mkdtempSync(join(tmpdir(), 'reference-'))

test.before(() => {
  if (missing !== null) return
  const script = join(root, 'scripts/reference/make_fixture.py')
  const made = spawnSync(python!, [script, folder, '--variant', 'all'], { encoding: 'utf8' })
  assert.is(made.status, 0, made.stderr)
})
test.after(() => rmSync(folder, { recursive: true }))

for (const variant of variants) {
  const name = `scores of a fresh model (${variant}) equal those of Transformers in double precision`
  if (missing !== null) {
    process.stdout.write(`skipped: ${name}: ${missing}\n`)
    test.skip(name)
    continue
  }
  test(name, async () => {
    const modelDir = join(folder, variant)
    copyFileSync(join(root, 'test/scoring/fixtures/tiny-llama/tokenizer.json'), join(modelDir, 'tokenizer.json'))
    await compareWithReference(modelDir)
  })
}

test.run()
