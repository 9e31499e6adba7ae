import { mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { digestFolder, runCli, tinyModel } from '../../cli/run-cli.js'
import { suiteUnless, whyNoNative } from '../../scoring/native-support.js'

const test = suite('the device of a run')
const scratch = mkdtempSync(join(tmpdir(), 'retrace-device-'))
const config = join(scratch, 'config.json')
writeFileSync(
  config,
  '{"search": {"rounds": 1, "maxThoughtTokens": 500}, "scorer": {"backend": "onnx"}, "packing": {"sequenceLength": 4096}}',
)
const out = join(scratch, 'run')
const args = [
  'run',
  join(process.cwd(), 'node_modules', 'picocolors'),
  '--out',
  out,
  '--config',
  config,
  '--model',
  tinyModel,
]
const readJson = (name: string): Record<string, unknown> =>
  JSON.parse(readFileSync(join(out, name), 'utf8')) as Record<string, unknown>

test('a run says on standard error what it scores with, and keeps it in its records', async () => {
  const { code, stderr } = await runCli(args)
  assert.is(code, 0, stderr)
  assert.match(stderr, /^Scorer: onnx cpu, float32\.$/m)
  assert.equal(readJson('calibration.json')['scorer'], { device: 'onnx cpu', dtype: 'float32' })
  assert.equal(readJson('manifest.json')['scorer'], { device: 'onnx cpu', dtype: 'float32' })
})

test('a run that was begun on one device does not go on with another, whose scores differ', async () => {
  // As if it had been stopped on a machine with a GPU, with the search of its repository not finished.
  const calibration = readFileSync(join(out, 'calibration.json'), 'utf8')
  for (const name of readdirSync(join(out, 'trajectories'))) rmSync(join(out, 'trajectories', name))
  rmSync(join(out, 'manifest.json'))
  const there = { ...readJson('calibration.json'), scorer: { device: 'native cuda: NVIDIA H200', dtype: 'bfloat16' } }
  writeFileSync(join(out, 'calibration.json'), JSON.stringify(there))

  const refused = await runCli(args)
  assert.is(refused.code, 2, refused.stderr)
  assert.match(
    refused.stderr,
    /begun with the scorer native cuda: NVIDIA H200 in bfloat16.*onnx cpu, float32.*another --out/,
  )

  writeFileSync(join(out, 'calibration.json'), calibration)
  const { code, stderr } = await runCli([...args, '--quiet'])
  assert.is(code, 0, stderr)
  assert.not.match(stderr, /onnx cpu/)
})

test('another backend for the same folder is another config, which is refused', async () => {
  const { code, stderr } = await runCli([...args, '--backend', 'native', '--device', 'cpu'])
  assert.is(code, 2)
  assert.match(
    stderr,
    /made with another config \(scorer\.backend: "onnx" there, "native" here, scorer\.device: "auto" there/,
  )
})

test('a scorer that cannot be made is the one thing that score says, and not that there was nothing to do', async () => {
  const requests = join(scratch, 'requests.jsonl')
  writeFileSync(requests, '{"id": "a", "prefix": [1, 2], "branches": [{"target": [3]}]}')
  const settings = join(scratch, 'no-such-gpu.json')
  writeFileSync(settings, '{"scorer": {"backend": "native", "device": "cuda", "gpu": 4096}}')
  const answers = ['--in', requests, '--out', join(scratch, 'answers.jsonl')]
  const { code, stderr } = await runCli(['score', '--model', tinyModel, ...answers, '--config', settings])
  assert.is(code, 2)
  assert.match(stderr, /^retrace: .*\n$/)
})

test('a run that was refused for want of a GPU goes on with another scorer, and ends in the same bytes', async () => {
  const late = join(scratch, 'late')
  const lateArgs = args.map((arg) => (arg === out ? late : arg))
  const settings = join(scratch, 'config-of-gpu.json')
  const gpu = { backend: 'native', device: 'cuda', gpu: 4096 }
  writeFileSync(settings, JSON.stringify({ ...(JSON.parse(readFileSync(config, 'utf8')) as object), scorer: gpu }))
  const refused = await runCli(lateArgs.map((arg) => (arg === config ? settings : arg)))
  assert.is(refused.code, 2, refused.stderr)
  assert.not.match(refused.stderr, /nothing to do/)

  const { code, stderr } = await runCli(lateArgs)
  assert.is(code, 0, stderr)
  assert.equal(digestFolder(late), digestFolder(out))
})

test('a device that the backend does not know is refused before anything is done', async () => {
  const other = args.map((arg) => (arg === out ? join(scratch, 'other') : arg))
  const { code, stderr } = await runCli([...other, '--device', 'cuda'])
  assert.is(code, 2)
  assert.match(stderr, /device: the onnx backend computes on the CPU only, not on cuda; use the backend "native"/)
  assert.not.ok(readdirSync(scratch).includes('other'))
})

test.run()

suiteUnless(whyNoNative, 'the backend that a run takes by itself', (test) => {
  const auto = join(scratch, 'config-auto.json')
  writeFileSync(auto, '{"search": {"rounds": 1, "maxThoughtTokens": 500}, "packing": {"sequenceLength": 4096}}')
  const byItself = join(scratch, 'by-itself')
  const argsOf = (settings: string, folder: string): string[] =>
    args.map((arg) => (arg === config ? settings : arg === out ? folder : arg))
  const recordOf = (folder: string): { config: { scorer: { backend: string } }; backendReason: string | null } =>
    JSON.parse(readFileSync(join(folder, 'config.json'), 'utf8')) as ReturnType<typeof recordOf>
  /** Sets a run back to where its search was not finished. */
  const unfinish = (folder: string): void => {
    for (const name of readdirSync(join(folder, 'trajectories'))) rmSync(join(folder, 'trajectories', name))
    rmSync(join(folder, 'manifest.json'))
  }

  test('is native where it can be loaded, and stands in the records with the reason', async () => {
    const { code, stderr } = await runCli(argsOf(auto, byItself))
    assert.is(code, 0, stderr)
    const { config: recorded, backendReason } = recordOf(byItself)
    assert.equal([recorded.scorer.backend, backendReason], ['native', 'it is the first choice, and can be loaded'])
    const manifest = JSON.parse(readFileSync(join(byItself, 'manifest.json'), 'utf8')) as typeof recorded & object
    assert.match(JSON.stringify(manifest), /"backendReason":"it is the first choice, and can be loaded"/)
  })

  test('stays when the run goes on, also where another would be taken now', async () => {
    // A run that auto began on onnx, on a machine where the native engine could not be loaded.
    const begun = join(scratch, 'begun-on-onnx')
    assert.is((await runCli(argsOf(config, begun))).code, 0)
    unfinish(begun)
    const record = { ...recordOf(begun), backendReason: 'of those before it, native (there was none)' }
    writeFileSync(join(begun, 'config.json'), JSON.stringify(record, null, 2) + '\n')
    const { code, stderr } = await runCli(argsOf(auto, begun))
    assert.is(code, 0, stderr)
    assert.match(stderr, /^Scorer: onnx cpu, float32\.$/m)
    assert.equal(recordOf(begun), record)
  })

  test('is held against another that is named once something was scored', async () => {
    unfinish(byItself)
    const { code, stderr } = await runCli([...argsOf(auto, byItself), '--backend', 'onnx'])
    assert.is(code, 2)
    assert.match(stderr, /made with another config \(scorer\.backend: "native" there, "onnx" here\)/)
  })

  test('is not looked for where nothing is to be scored', async () => {
    const settings = join(scratch, 'config-no-search.json')
    writeFileSync(settings, '{"search": false, "packing": {"sequenceLength": 4096}}')
    const folder = join(scratch, 'not-scored')
    assert.is((await runCli(argsOf(settings, folder))).code, 0)
    assert.equal([recordOf(folder).config.scorer.backend, recordOf(folder).backendReason], ['auto', null])
  })
}).run()
