import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { smallProject, writeRepository } from '../support.js'
import { digestFolder, runCli, tinyModel } from './run-cli.js'

const test = suite('options of a run')
const scratch = mkdtempSync(join(tmpdir(), 'retrace-options-'))
const repository = writeRepository(smallProject)
test.after(() => [scratch, repository].forEach((folder) => rmSync(folder, { recursive: true, force: true })))

const config = join(scratch, 'config.json')
const withoutSearch = join(scratch, 'without-search.json')
writeFileSync(config, '{"seed": 3}')
writeFileSync(withoutSearch, '{"seed": 3, "search": false}')

test('--no-search is the run of a config with "search": false, to the byte', async () => {
  const run = async (name: string, ...more: string[]): Promise<string> => {
    const out = join(scratch, name)
    const { code, stderr } = await runCli(['run', repository, '--out', out, '--model', tinyModel, ...more])
    assert.is(code, 0, stderr)
    return out
  }
  const byOption = await run('by-option', '--config', config, '--no-search')
  const byConfig = await run('by-config', '--config', withoutSearch)
  assert.not(existsSync(join(byOption, 'search')))
  assert.is((JSON.parse(readFileSync(join(byOption, 'config.json'), 'utf8')) as Config).config.search, false)
  assert.equal(digestFolder(byOption), digestFolder(byConfig))
})

interface Config {
  config: { search: unknown }
}

test('a usage error is one line, with the choices or the name that was meant', async () => {
  const wrong: [string[], RegExp][] = [
    [
      ['run', repository, '--out', 'x', '--backend', 'magic'],
      /^error: .*'magic' is invalid.*\bnative\b.*\bonnx\b.*\n$/,
    ],
    [['run', repository, '--out', 'x', '--device', 'magic'], /^error: .*'magic' is invalid.*\bcpu\b.*\bcuda\b.*\n$/],
    [['export', repository, '--out', 'x', '--format', 'magic'], /^error: .*\bopenai-jsonl\b.*\batif\b.*\n$/],
    [['run', repository, '--out', 'x', '--budget-calls', '-1'], /^error: .*Give a whole number, 0 or more\..*\n$/],
    [['run', repository], /^error: required option '--out <run>' not specified; add --help for what it takes\n$/],
    [['grond', repository], /^error: unknown command 'grond' \(Did you mean ground\?\); add --help .*\n$/],
  ]
  for (const [args, message] of wrong) {
    const { code, stderr, stdout } = await runCli(args)
    assert.is(code, 2, stderr)
    assert.match(stderr, message)
    assert.is(stdout, '')
  }
})

test.run()
