import { spawnSync } from 'node:child_process'
import { copyFileSync, existsSync, mkdtempSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { nativeFolder } from '../../src/scoring/backends/native/native-folders.js'
import type { ScorerOptions } from '../../src/scoring/index.js'
import { addonPath, library, suiteUnless, tinyLlama, whyNoNative } from './native-support.js'

// The addon beside a device under CUDA's name whose probe answers what it is told to: the engine decides, and the scorer
// says what it decided.
const device = join(nativeFolder(), 'tests', 'failing', 'libretrace_cuda.so')
const reason = whyNoNative ?? (existsSync(device) ? null : `${device} is not built (npm run build:native)`)

const oneGpu = '{"count": 1, "devices": [{}]}'
const oldDriver = '{"count": 0, "devices": [], "error": "The driver is too old."}'

/** A program on a machine whose probe gives that answer; it prints. */
function runOn(answer: string, program: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'with-cuda-'))
  copyFileSync(addonPath, join(folder, 'retrace.node'))
  copyFileSync(device, join(folder, 'libretrace_cuda.so'))
  const env = { ...process.env, RETRACE_NATIVE_DIR: folder, RETRACE_PROBE_ANSWER: answer }
  const args = ['--input-type=module', '-e', `import * as scoring from ${JSON.stringify(library)}\n${program}`]
  const child = spawnSync(process.execPath, args, { encoding: 'utf8', env })
  assert.is(child.status, 0, child.stderr)
  return child.stdout.trim()
}

function probeOn(answer: string, asked: 'auto' | 'cpu' | 'cuda'): string {
  const options = JSON.stringify({ modelDir: tinyLlama, device: asked, gpu: 0 })
  const print = `console.log(await scoring.probeBackend('native', ${options}).catch(({ code, message }) => code + ' ' + message))`
  return runOn(answer, print)
}

/** The device of a scorer and why it was taken, or the error, on a machine whose probe gives that answer. */
function scorerOn(answer: string, asked: ScorerOptions['device']): { device: string; why: string | null } {
  const options = { backend: 'native', device: asked, modelDir: tinyLlama, cacheMiB: 4 }
  const program = `
    try {
      const { model } = await scoring.createScorer(${JSON.stringify(options)})
      console.log(JSON.stringify({ device: model.device, why: model.deviceReason }))
    } catch (error) { console.log(JSON.stringify({ device: error.code, why: error.message })) }`
  return JSON.parse(runOn(answer, program)) as { device: string; why: string | null }
}

suiteUnless(reason, 'native, the device', (test) => {
  test('auto is the GPU where one can be used, else the CPU, and the scorer says why', () => {
    const gpu = scorerOn(oneGpu, 'auto')
    assert.match(gpu.device, /^native cuda: /)
    assert.is(gpu.why, 'a usable GPU was found')
    const cpu = scorerOn(oldDriver, 'auto')
    assert.match(cpu.device, /^native cpu: /)
    assert.is(cpu.why, 'no GPU can be used: The driver is too old')
  })

  test('the probe of the backend names the device that a scorer would take', () => {
    const gpu = '{"count": 1, "devices": [{"name": "Imitated GPU"}]}'
    assert.is(probeOn(gpu, 'auto'), 'GPU 0: Imitated GPU')
    assert.match(probeOn(oldDriver, 'auto'), /^CPU reference .*; no GPU can be used: The driver is too old$/)
    assert.match(probeOn(gpu, 'cpu'), /^CPU reference \([^;]*\)$/)
    assert.is(probeOn(oldDriver, 'cuda'), 'DEVICE_UNAVAILABLE The device cuda cannot be used: The driver is too old.')
  })

  test('a device that is named needs no reason, and is refused where it cannot be used', () => {
    assert.is(scorerOn(oneGpu, 'cpu').why, null)
    assert.match(scorerOn(oneGpu, 'cuda').device, /^native cuda: /)
    assert.equal(scorerOn(oldDriver, 'cuda'), {
      device: 'DEVICE_UNAVAILABLE',
      why: 'The device cuda cannot be used: The driver is too old. The device cpu always can.',
    })
  })
}).run()
