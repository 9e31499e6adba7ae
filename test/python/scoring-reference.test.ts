import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { whyNoNative } from '../scoring/native-support.js'
import { compareWithReference } from '../scoring/reference.js'

const test = suite('scoring reference')

const root = process.env.RETRACE_ROOT ?? process.cwd()
const python = [process.env.RETRACE_PYTHON, join(root, '.venv/bin/python')].find((path) => path && existsSync(path))
const missing = whyNot()

function whyNot(): string | null {
  if (python === undefined) return 'no Python: set RETRACE_PYTHON or make .venv with torch and transformers'
  const { status } = spawnSync(python, ['-c', 'import torch, transformers, numpy'], { stdio: 'ignore' })
  return status === 0 ? null : `${python} has no torch and transformers`
}

const shipped = join(root, 'models/retrace-small')
const variants = ['grouped', 'float32', 'one-kv-head', 'llama3-rope']
const folder = mkdtempSync(join(tmpdir(), 'reference-'))

test.before(() => {
  if (missing !== null) return
  const script = join(root, 'scripts/reference/make_fixture.py')
  const shippedFolder = join(folder, 'shipped')
  for (const args of [
    [folder, '--variant', 'all'],
    [shippedFolder, '--model', shipped],
  ]) {
    const made = spawnSync(python!, [script, ...args], { encoding: 'utf8' })
    assert.is(made.status, 0, made.stderr)
  }
})
test.after(() => rmSync(folder, { recursive: true }))

function testUnless(reason: string | null, name: string, body: () => Promise<void>): void {
  if (reason === null) return test(name, body)
  process.stdout.write(`skipped: ${name}: ${reason}\n`)
  test.skip(name)
}

for (const backend of ['onnx', 'native'] as const) {
  const reason = missing ?? (backend === 'native' ? whyNoNative : null)
  for (const variant of variants) {
    const name = `${backend}: scores of a fresh model (${variant}) equal those of Transformers in double precision`
    testUnless(reason, name, () => {
      const modelDir = join(folder, variant)
      copyFileSync(join(root, 'test/scoring/fixtures/tiny-llama/tokenizer.json'), join(modelDir, 'tokenizer.json'))
      return compareWithReference(modelDir, modelDir, { backend, device: 'cpu' })
    })
  }
  testUnless(reason, `${backend}: so do those of the shipped model behind a long prefix`, () =>
    compareWithReference(shipped, join(folder, 'shipped'), { backend, device: 'cpu' }),
  )
}

test.run()
