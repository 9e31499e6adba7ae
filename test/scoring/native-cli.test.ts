import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { digestFolder, runCli, tinyModel } from '../cli/run-cli.js'
import { assertClose } from './contract.js'
import { suiteUnless, whyNoNative } from './native-support.js'

const scratch = mkdtempSync(join(tmpdir(), 'retrace-native-cli-'))
const requests = join(scratch, 'requests.jsonl')
writeFileSync(
  requests,
  [
    { id: 'a', prefix: 'def add(', branches: [{ context: 'a, b):\n', target: '    return a + b\n' }, { target: 'x' }] },
    { id: 'b', prefix: [1, 2, 3], branches: [{ target: [4, 5, 600] }] },
  ]
    .map((request) => JSON.stringify(request))
    .join('\n'),
)

async function score(
  name: string,
  ...options: string[]
): Promise<{ stderr: string; logProbs: number[]; codes: string[] }> {
  const out = join(scratch, name)
  const { code, stderr } = await runCli(['score', '--model', tinyModel, '--in', requests, '--out', out, ...options])
  assert.is(code, 0, stderr)
  const answers = readFileSync(out, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { branches?: { logProbs: number[] }[]; error?: { code: string } })
  return {
    stderr,
    logProbs: answers.flatMap(({ branches = [] }) => branches.flatMap((branch) => branch.logProbs)),
    codes: answers.flatMap(({ error }) => (error === undefined ? [] : [error.code])),
  }
}

suiteUnless(whyNoNative, 'native, the command line', (test) => {
  test('retrace score --backend native answers as onnx does, and says which device it took', async () => {
    const onnx = await score('onnx', '--backend', 'onnx')
    assert.match(onnx.stderr, /^Scorer: onnx cpu, float32\.$/m)
    const native = await score('native', '--backend', 'native', '--device', 'cpu')
    assert.match(native.stderr, /^Scorer: native cpu: CPU reference .*, float32\.$/m)
    assert.ok(native.logProbs.length > 5)
    assertClose(native.logProbs, onnx.logProbs, 1e-4)
    assert.equal([native.codes, onnx.codes], [['TOKEN_OUT_OF_RANGE'], ['TOKEN_OUT_OF_RANGE']])
    const quiet = await score('quiet', '--backend', 'native', '--device', 'cpu', '--quiet')
    assert.equal([quiet.stderr, quiet.logProbs], ['', native.logProbs])
  })

  test('native is taken where nothing else is asked for, and auto says why it took its device', async () => {
    const { stderr } = await score('auto')
    assert.match(stderr, /^Scorer: native (cuda: .*\(a usable GPU was found\)|cpu: .*\(no GPU can be used: .+\))\.$/m)
  })

  test('a whole run on the native engine is the same whatever the number of workers', async () => {
    const digests = []
    for (const workers of [1, 3]) {
      const config = join(scratch, `workers-${workers}.json`)
      const out = join(scratch, `run-${workers}`)
      const settings = { workers: { scoring: workers }, search: { rounds: 1, maxThoughtTokens: 500 } }
      writeFileSync(config, JSON.stringify({ ...settings, packing: { sequenceLength: 4096 } }))
      const inputs = ['picocolors', 'uvu'].map((name) => join(process.cwd(), 'node_modules', name))
      const options = ['--config', config, '--model', tinyModel, '--backend', 'native', '--device', 'cpu']
      const { code, stderr } = await runCli(['run', ...inputs, '--out', out, ...options])
      assert.is(code, 0, stderr)
      const { noise, scorer } = JSON.parse(readFileSync(join(out, 'manifest.json'), 'utf8')) as Record<string, unknown>
      assert.is(noise, 0, 'a score moved with the way it was asked for')
      assert.match((scorer as { device: string }).device, /^native cpu/)
      digests.push(digestFolder(out))
    }
    assert.equal(digests[1], digests[0])
  })
}).run()
