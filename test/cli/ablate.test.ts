import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { runCli, tinyModel } from './run-cli.js'

const test = suite('retrace ablate')
const scratch = mkdtempSync(join(tmpdir(), 'retrace-ablate-'))
test.after(() => rmSync(scratch, { recursive: true, force: true }))

const repositories = Array.from({ length: 5 }, (_, at) => {
  const folder = join(scratch, `repository-${at}`)
  mkdirSync(folder)
  writeFileSync(join(folder, 'main.py'), `value_${at} = ${at}\n`)
  return folder
})
const out = join(scratch, 'out')
const base = ['ablate', '--out', out, '--model', tinyModel]

function write(name: string, text: string): string {
  writeFileSync(join(scratch, name), text)
  return join(scratch, name)
}
const config = write(
  'config.json',
  JSON.stringify({ run: { packing: { sequenceLength: 512 } }, training: { batchRows: 4 } }),
)

test('the plan is printed with what is held out, and nothing is made', async () => {
  const { code, stdout, stderr } = await runCli([
    ...base,
    ...repositories,
    '--config',
    config,
    '--print',
    '--seeds',
    '2',
  ])
  assert.is(code, 0, stderr)
  assert.match(stdout, /Train on 4 repositories:\n(.*repository-\d\n){4}Hold out 1:\n.*repository-\d\n/)
  assert.match(stdout, /10 models: raw-code, trajectories, .*; 2 seeds each\n500000 tokens each, 5000000 in all\n/)
  assert.match(stdout, /Nothing was measured here yet, so nothing is said of the time/)
  assert.not(existsSync(out))
})

test('lists say what is trained on and what is held out', async () => {
  const list = write('train.txt', `${repositories.slice(0, 2).join('\n')}\n`)
  const held = write('held.txt', `${repositories[4]}\n`)
  const args = [...base, '--from', list, '--held-out', held, '--config', config, '--print', '--json']
  const { code, stdout } = await runCli([...args, '--arms', 'search,raw-code'])
  assert.is(code, 0)
  const plan = JSON.parse(stdout) as { split: { training: string[]; heldOut: string[] }; models: number }
  assert.equal(plan.split, { training: repositories.slice(0, 2), heldOut: [repositories[4]] })
  assert.is(plan.models, 6)
})

test('what cannot be done is one line and exit code 2', async () => {
  const wrong: [string[], RegExp][] = [
    [[], /0 repositories are too few/],
    [[repositories[0] as string], /One repository is too few/],
    [[...repositories, '--arms', 'raw-code,magic'], /no arm "magic"\. Arms: raw-code, trajectories/],
    [[...repositories, '--seeds', '0'], /1 or more/],
    [[...repositories, '--tokens', '1000', '--config', config], /1000 tokens are less than one step of 4 rows of 512/],
    [[...repositories, '--config', write('wrong.json', '{"trainings": {}}')], /wrong\.json is not a valid config/],
    [
      [...repositories, '--config', write('key.json', '{"training": {"batchRow": 1}}')],
      /key\.json, training is not .*batchRow/,
    ],
  ]
  for (const [args, message] of wrong) {
    const { code, stderr } = await runCli([...base, ...args])
    assert.is(code, 2, stderr)
    assert.match(stderr, message)
    assert.not.match(stderr, /\n\s+at /)
    assert.not(existsSync(out))
  }
})

test.run()
