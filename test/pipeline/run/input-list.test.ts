import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { readInputList } from '../../../src/pipeline/index.js'
import { runCli } from '../../cli/run-cli.js'

const test = suite('lists of inputs')
const scratch = mkdtempSync(join(tmpdir(), 'retrace-list-'))
test.after(() => rmSync(scratch, { recursive: true, force: true }))

function write(name: string, text: string): string {
  const path = join(scratch, name)
  writeFileSync(path, text)
  return path
}

test('a list has one repository a line, seen from the list, with comments and empty lines between', () => {
  const list = write('list.txt', '# mine\nrepos/a\r\n\n  /elsewhere/b  \n../c@v1\n')
  assert.equal(readInputList(list), [join(scratch, 'repos/a'), '/elsewhere/b', join(scratch, '..', 'c@v1')])
})

test('a list that is missing or names nothing is refused with the next step', () => {
  assert.throws(() => readInputList(join(scratch, 'none.txt')), /none\.txt does not exist/)
  assert.throws(() => readInputList(write('empty.txt', '# nothing\n')), /names no repository\. Put one on each line/)
})

test('a run takes what is named and what the list has, in this order, and needs one of them', async () => {
  for (const name of ['named', 'listed']) {
    mkdirSync(join(scratch, name))
    writeFileSync(join(scratch, name, `${name}.js`), `export const ${name} = 1\n`)
  }
  const config = write('config.json', JSON.stringify({ search: false }))
  const args = ['run', join(scratch, 'named'), '--from', write('one.txt', 'listed\n'), '--out', join(scratch, 'out')]
  const { code, stdout, stderr } = await runCli([...args, '--config', config, '--json'])
  assert.is(code, 0, stderr)
  const { repositories } = JSON.parse(stdout) as { repositories: { name: string }[] }
  assert.equal(repositories.map(({ name }) => name).sort(), ['listed', 'named'])
  const nothing = await runCli(['run', '--out', join(scratch, 'nothing')])
  assert.is(nothing.code, 2)
  assert.match(nothing.stderr, /No repository was given/)
  const wrong = await runCli(['run', scratch, '--out', join(scratch, 'wrong'), '--budget-calls', 'many'])
  assert.is(wrong.code, 2)
  assert.match(wrong.stderr, /Give a whole number/)
})

test.run()
