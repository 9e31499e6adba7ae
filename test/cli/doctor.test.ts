import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { startFaultyServer } from '../generation/faulty-server.js'
import { runCli, tinyModel } from './run-cli.js'

const test = suite('retrace doctor')
const scratch = mkdtempSync(join(tmpdir(), 'retrace-doctor-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))
const out = join(scratch, 'out')
mkdirSync(out)
const base = ['doctor', '--model', tinyModel, '--out', out, '--python', join(scratch, 'no-python')]

interface Report {
  isReady: boolean
  checks: { name: string; isNeeded: boolean; isOk: boolean; detail: string; code: string | null }[]
}

async function examine(...args: string[]): Promise<{ code: number | null; report: Report }> {
  const { code, stdout, stderr } = await runCli([...base, ...args, '--json'])
  assert.is(stderr, '')
  return { code, report: JSON.parse(stdout) as Report }
}

test('it lists every check with a mark, what was found and the next step, and says whether a run can start', async () => {
  const { code, stdout, stderr } = await runCli(base)
  assert.equal([code, stderr], [0, ''])
  const marked = stdout.split('\n').filter((line) => /^[✓✗] /.test(line))
  const names = marked.map((line) => line.slice(2).split('  ')[0]?.trim())
  const expected = [
    'Node.js',
    'model',
    'tokenizer',
    'renderer llama3-chat',
    'backend native',
    'backend onnx',
    'prompts',
  ]
  assert.equal(names, [...expected, 'API key', 'git', 'disk', 'endpoint', 'Python for training'])
  assert.match(
    stdout,
    /^✗ Python for training .*no-python does not answer.*Check --python\. \(not needed for this run\)$/m,
  )
  assert.match(stdout, /\n\nA run can start\.\n$/)
  assert.equal(readdirSync(out), [])
})

test('what a run needs and is not there makes it exit with 1, and stands last in a line', async () => {
  const config = join(scratch, 'config.json')
  const server = await startFaultyServer({ onGet: () => ({ body: { data: [{ id: 'other' }] } }) })
  const generation = { kind: 'endpoint', baseUrl: server.baseUrl, model: 'fake', promptsDir: join(scratch, 'none') }
  writeFileSync(config, JSON.stringify({ generation }))
  const { code, report } = await examine('--config', config)
  await server.stop()
  assert.equal([code, report.isReady], [1, false])
  const failed = report.checks.filter(({ isNeeded, isOk }) => isNeeded && !isOk)
  assert.equal(
    failed.map(({ name, code }) => [name, code]),
    [['prompts', 'PROMPT_INVALID']],
  )
  const { detail, isOk } = report.checks.find(({ name }) => name === 'endpoint') as Report['checks'][number]
  assert.equal([isOk, detail], [true, `${server.baseUrl} serves 1 models, "fake" not among them: other`])
  assert.equal([server.asked.length, server.gets.length], [0, 1])
  const { stdout } = await runCli([...base, '--config', config])
  assert.match(stdout, /\nA run cannot start without: prompts, endpoint\.\n$/)
})

test('a backend is needed where it is chosen and thoughts are searched', async () => {
  const before = process.env.RETRACE_NATIVE_DIR
  process.env.RETRACE_NATIVE_DIR = join(scratch, 'no-native')
  const config = join(scratch, 'search-off.json')
  writeFileSync(config, '{"search": false}')
  const chosen = await examine('--backend', 'native')
  const off = await examine('--backend', 'native', '--config', config)
  if (before === undefined) delete process.env.RETRACE_NATIVE_DIR
  else process.env.RETRACE_NATIVE_DIR = before
  const native = ({ report }: typeof off): unknown[] =>
    report.checks.flatMap(({ name, isNeeded, isOk, code }) => (name === 'backend native' ? [isNeeded, isOk, code] : []))
  assert.equal([chosen.code, native(chosen)], [1, [true, false, 'NATIVE_NOT_BUILT']])
  assert.equal([off.code, native(off)], [0, [false, false, 'NATIVE_NOT_BUILT']])
})

test.run()
