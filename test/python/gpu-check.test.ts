import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { pythonVariables } from './python-with.js'

const test = suite('gpu check')

// scripts/gpu-check is meant for a GPU; here its program is tried on the CPU reference and small shapes.
const root = process.env.RETRACE_ROOT ?? process.cwd()
const python = [process.env.RETRACE_PYTHON, join(root, '.venv/bin/python')].find((path) => path && existsSync(path))
const native = process.env.RETRACE_NATIVE_DIR ?? join(root, 'build/native')

function whyNoPython(): string | null {
  if (python === undefined) return 'no Python: set RETRACE_PYTHON or make .venv with torch and transformers'
  const { status } = spawnSync(python, ['-c', 'import torch, transformers'], { stdio: 'ignore' })
  return status === 0 ? null : `${python} has no torch and transformers`
}

function testWhere(missing: string | null, name: string, body: () => void): void {
  if (missing === null) return test(name, body)
  process.stdout.write(`skipped: ${name}: ${missing}\n`)
  test.skip(name)
}

interface Part {
  status: string
  proofs: Record<string, { passed: boolean; detail: string }>
  figures: Record<string, { unit: string; median: number; repeats: number }>
  goals: Record<string, { value: number | null; met: boolean | null }>
  errors: Record<string, { message: string }>
}

const missing = whyNoPython()
const noEngine = existsSync(join(native, 'libretrace_engine.so'))
  ? null
  : `no libretrace_engine.so in ${native}: npm run build:native`

testWhere(missing, 'the logic of the GPU check holds', () => {
  const pythonPath = [join(root, 'scripts/gpu'), pythonVariables.PYTHONPATH].join(delimiter)
  const env = { ...process.env, ...pythonVariables, PYTHONPATH: pythonPath }
  const done = spawnSync(python!, [join(root, 'test/python/gpu_check_test.py')], { encoding: 'utf8', env })
  assert.is(done.status, 0, done.stderr)
  assert.match(done.stderr, /Ran \d\d tests/)
})

testWhere(missing ?? noEngine, 'the GPU check proves and measures the CPU reference on small shapes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gpu-check-'))
  const out = join(folder, 'results.json')
  const parts = ['exactness', 'accuracy', 'speed-short', 'speed-long']
  const where = ['--device', 'cpu', '--scale', 'tiny', '--build-folder', native, '--out', out, '--minutes', '60']
  const done = spawnSync(python!, [join(root, 'scripts/gpu-check'), '--part', parts.join(','), ...where], {
    encoding: 'utf8',
  })
  const results = JSON.parse(readFileSync(out, 'utf8')) as { parts: Record<string, Part>; machine: { cores: number } }
  for (const name of parts) {
    const part = results.parts[name]!
    const wrong = Object.entries(part.proofs).filter(([, proof]) => !proof.passed)
    assert.equal([part.status, wrong, part.errors], ['passed', [], {}], name)
    assert.ok(Object.keys(part.proofs).length > 0, `${name} proved nothing`)
  }
  assert.is(done.status, 0, done.stdout.slice(-3000))
  const ours = results.parts['speed-short']!.figures['B ours']!
  assert.is(ours.unit, 'ms')
  assert.ok(ours.median > 0 && ours.repeats > 1)
  // A CPU's ratios are no verdict on the goals.
  const verdicts = Object.values(results.parts['speed-long']!.goals).map(({ met }) => met)
  assert.ok(verdicts.length > 5 && verdicts.every((met) => met === null))
  assert.ok(results.machine.cores > 0)
  rmSync(folder, { recursive: true })
})

testWhere(missing, 'the GPU check proves and measures training on the CPU, on small shapes', () => {
  const folder = mkdtempSync(join(tmpdir(), 'gpu-check-'))
  const out = join(folder, 'results.json')
  const where = [
    '--device',
    'cpu',
    '--scale',
    'tiny',
    '--build-folder',
    join(folder, 'none'),
    '--out',
    out,
    '--minutes',
    '60',
  ]
  const done = spawnSync(python!, [join(root, 'scripts/gpu-check'), '--part', 'training-8k,training-64k', ...where], {
    encoding: 'utf8',
  })
  const { parts } = JSON.parse(readFileSync(out, 'utf8')) as { parts: Record<string, Part> }
  for (const [name, part] of Object.entries(parts)) {
    const wrong = Object.entries(part.proofs).filter(([, proof]) => !proof.passed)
    assert.equal([part.status, wrong, part.errors], ['passed', [], {}], name)
  }
  assert.is(done.status, 0, done.stdout.slice(-3000))
  const proved = Object.keys(parts['training-8k']!.proofs)
  for (const what of ['packed attention', 'loss', 'deterministic training', 'the loop, as it is started']) {
    assert.ok(
      proved.some((name) => name.startsWith(what)),
      what,
    )
  }
  for (const name of ['8k, float32 moments, packed', '64k, bfloat16 moments, one document']) {
    const { figures } = parts[name.startsWith('8k') ? 'training-8k' : 'training-64k']!
    const rate = figures[`${name}: tokens/s`]!
    assert.ok(rate.unit === 'tokens/s' && rate.median > 0 && rate.repeats > 1, name)
    assert.ok(figures[`${name}: MFU`]!.median < 1, name)
  }
  rmSync(folder, { recursive: true })
})

test.run()
