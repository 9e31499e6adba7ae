import { mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { spawnSync } from 'node:child_process'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import ts from 'typescript'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { backendNames, createScorer, scorerSettingsSchema } from '../../src/scoring/index.js'
import { installedCopy, runWith } from './package-copy.js'

const test = suite('the choice of a backend')
const root = process.env.RETRACE_ROOT ?? process.cwd()
const modelDir = join(root, 'test/scoring/fixtures/tiny-llama')
const emptyHome = (): string => mkdtempSync(join(tmpdir(), 'retrace-home-'))

const bare = installedCopy(['onnxruntime-node'])
const withOnnx = installedCopy()

/** What a program prints that asks for a scorer: its backend, or the error. */
function scorerOf(installed: string, settings: object, env: NodeJS.ProcessEnv = {}): string {
  const program = `
    try {
      const scorer = await scoring.createScorer(${JSON.stringify({ ...settings, modelDir })})
      console.log(scorer.model.device)
      await scorer.dispose()
    } catch (error) { console.log(error.constructor.name, error.code, error.message) }`
  const { stdout, stderr, status } = runWith(installed, program, { HOME: emptyHome(), ...env })
  assert.is(status, 0, stderr)
  return stdout
}

test('where no backend can be loaded, one error names them all and the next steps', () => {
  const text = scorerOf(bare, {})
  assert.match(text, /^ScoringError BACKEND_MISSING No backend can be loaded to score with: native \(there is no /)
  assert.match(text, /onnx \(onnxruntime-node is not installed\)\. /)
  assert.match(text, /Run retrace build-native, or npm install onnxruntime-node\.\n$/)
})

test('a backend that is named and not there is refused by its code, with the next step', () => {
  assert.match(
    scorerOf(bare, { backend: 'onnx' }),
    /^ScoringError BACKEND_MISSING .*onnxruntime-node is not installed\. Run npm install onnxruntime-node, or score with --backend native\.\n$/,
  )
  assert.match(scorerOf(bare, { backend: 'native' }), /^ScoringError NATIVE_NOT_BUILT .*Run retrace build-native/)
})

test('a package of ONNX Runtime that cannot be loaded is refused by its code, with the reason', () => {
  const broken = installedCopy(['onnxruntime-node'])
  const folder = join(broken, '..', 'onnxruntime-node')
  mkdirSync(folder)
  writeFileSync(join(folder, 'package.json'), '{"name": "onnxruntime-node", "version": "1.0.0", "main": "index.js"}')
  writeFileSync(join(folder, 'index.js'), 'throw new Error("no binding for this platform")')
  assert.match(
    scorerOf(broken, { backend: 'onnx' }),
    /BACKEND_MISSING .*cannot be loaded \(no binding for this platform\)\. Run npm install onnxruntime-node/,
  )
})

test('the probe of onnx refuses what a scorer would refuse, and loads nothing', () => {
  const probe = (installed: string, folder: string): string => {
    const options = JSON.stringify({ modelDir: folder, device: 'auto', gpu: 0 })
    const program = `console.log(await scoring.probeBackend('onnx', ${options}).catch(({ code }) => code))`
    return runWith(installed, program, { HOME: emptyHome() }).stdout.trim()
  }
  assert.is(probe(withOnnx, modelDir), 'ONNX Runtime on the CPU')
  assert.is(probe(withOnnx, '/nowhere'), 'MODEL_MISSING_FILE')
  assert.is(probe(bare, modelDir), 'BACKEND_MISSING')
})

test('without the native engine auto takes onnx, and says why', () => {
  assert.is(scorerOf(withOnnx, {}), 'onnx cpu\n')
  const program = 'console.log(JSON.stringify(scoring.chooseBackend(scoring.scorerSettingsSchema.parse({}))))'
  const { backend, reason } = JSON.parse(runWith(withOnnx, program, { HOME: emptyHome() }).stdout) as Record<
    string,
    string
  >
  assert.is(backend, 'onnx')
  assert.match(reason!, /^of those before it, native \(there is no .*retrace\.node\)$/)
})

test('auto with settings that one backend alone can honour says what is missing of that one', () => {
  assert.match(scorerOf(withOnnx, { device: 'cuda' }), /^ScoringError NATIVE_NOT_BUILT /)
  assert.match(scorerOf(bare, { cacheMiB: 0 }), /^ScoringError BACKEND_MISSING .*onnxruntime-node is not installed/)
})

test('settings that no backend can honour are refused with the key', async () => {
  try {
    await createScorer({ modelDir, cacheMiB: 0, precision: 'bfloat16' })
    assert.unreachable()
  } catch (error) {
    assert.is((error as { code: string }).code, 'CONFIG_INVALID')
    assert.match((error as Error).message, /cacheMiB: the native backend cannot do without/)
  }
})

test('the names of the config are those of the table', () => {
  for (const backend of ['auto', ...backendNames]) assert.ok(scorerSettingsSchema.safeParse({ backend }).success)
  assert.not.ok(scorerSettingsSchema.safeParse({ backend: 'tpu' }).success)
})

test('the command line refuses a backend that is not there as wrong usage, in one line', () => {
  const folder = emptyHome()
  writeFileSync(join(folder, 'in.jsonl'), '{"id": 1, "prefix": [1, 2], "branches": [{"target": [3]}]}\n')
  const files = ['--in', join(folder, 'in.jsonl'), '--out', join(folder, 'out.jsonl')]
  const cli = join(bare, 'dist', 'src', 'cli', 'main.js')
  const env = { ...process.env, HOME: folder, RETRACE_NATIVE_DIR: '' }
  const args = [cli, 'score', '--model', modelDir, ...files]
  const { status, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', env })
  assert.is(status, 2, stderr)
  assert.match(stderr, /^retrace: No backend can be loaded .*\.\n$/)
  assert.not.ok(readdirSync(folder).includes('out.jsonl'))
})

test('the types of the public face do not need the package of ONNX Runtime', () => {
  const seen = new Set<string>()
  const walk = (path: string): void => {
    if (seen.has(path)) return
    seen.add(path)
    const text = readFileSync(path, 'utf8')
    assert.not.match(text, /onnxruntime/, path)
    for (const { fileName } of ts.preProcessFile(text, true, true).importedFiles) {
      if (fileName.startsWith('.')) walk(join(path, '..', fileName.replace(/\.js$/, '.d.ts')))
    }
  }
  walk(join(root, 'dist/src/index.d.ts'))
  assert.ok(seen.size > 50, `only ${seen.size} files were seen`)
})

test('scoring with ONNX Runtime leaves nothing in the home', () => {
  const home = emptyHome()
  const program = `
    const scorer = await scoring.createScorer({ backend: 'onnx', modelDir: ${JSON.stringify(modelDir)} })
    const prefix = await scorer.open(Uint32Array.of(1, 2, 3))
    const [score] = await scorer.score(prefix, [{ tokens: Uint32Array.of(4), scored: [{ start: 0, end: 1 }] }])
    console.log(score.logProbs[0] < 0)
    await scorer.dispose()`
  const { stdout, stderr } = runWith(withOnnx, program, { HOME: home, ORT_DISABLE_TELEMETRY: '' })
  assert.is(stdout, 'true\n', stderr)
  assert.equal(readdirSync(home, { recursive: true }), [])
})

test.run()
