import { spawnSync } from 'node:child_process'
import { mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { formatRate, formatSeconds } from '../../src/cli/progress.js'
import { smallProject, writeRepository } from '../support.js'
import { runCli, tinyModel } from './run-cli.js'

const test = suite('progress')
const scratch = mkdtempSync(join(tmpdir(), 'retrace-progress-'))
const config = join(scratch, 'config.json')
writeFileSync(config, '{"search": false}')
const argsFor = (out: string): string[] => [
  'run',
  writeRepository(smallProject),
  '--out',
  join(scratch, out),
  '--config',
  config,
  '--model',
  tinyModel,
]

test('rates and times read well at every size', () => {
  assert.is(formatRate(0.25), '0.3')
  assert.is(formatRate(1234.5), '1235')
  assert.is(formatRate(Infinity), '-')
  assert.is(formatSeconds(4.4), '4 s')
  assert.is(formatSeconds(185), '3 min 05 s')
  assert.is(formatSeconds(7800), '2 h 10 min')
  assert.is(formatSeconds(NaN), '-')
})

test('without a terminal each stage is a plain line, and --quiet says nothing', async () => {
  const plain = await runCli(argsFor('plain'))
  assert.is(plain.code, 0, plain.stderr)
  assert.match(plain.stderr, /^Grounding: 1\/1 repositories, [\d.]+\/s$/m)
  assert.match(plain.stderr, /^Packing: 1\/1 documents, [\d.]+\/s$/m)
  assert.not.match(plain.stderr, /\u001b|█/)
  const quiet = await runCli([...argsFor('quiet'), '--quiet'])
  assert.is(quiet.code, 0)
  assert.is(quiet.stderr, '')
})

const hasScript = spawnSync('script', ['--version']).status === 0
const onTerminal = 'on a terminal there is a bar with rate and time left'
if (hasScript) {
  test(onTerminal, () => {
    const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))
    const command = [process.execPath, main, ...argsFor('terminal')].map((word) => `'${word}'`).join(' ')
    const { stdout, status } = spawnSync('script', ['-qec', command, '/dev/null'], { encoding: 'utf8' })
    assert.is(status, 0, stdout)
    assert.match(stdout, /Grounding {2}.*█.*1\/1 repositories {2}[\d.]+\/s {2}\d+ s left/)
  })
} else {
  process.stdout.write(`skipped: ${onTerminal}: the program script is not here\n`)
  test.skip(onTerminal)
}

test('with --json standard output is one JSON value, for what was done and for what was asked wrongly', async () => {
  const done = await runCli([...argsFor('json'), '--json'])
  assert.is((JSON.parse(done.stdout) as { repositories: unknown[] }).repositories.length, 1)
  const usage = await runCli(['run', '--json', 'nowhere'])
  assert.is(usage.code, 2)
  assert.is((JSON.parse(usage.stdout) as { error: { code: string } }).error.code, 'USAGE')
})

test.run()
