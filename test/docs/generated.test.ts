import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import { suite } from '../suite.js'

const test = suite('generated documentation')

test('pages of config, commands and errors, the schema and the example of the README are current', () => {
  const main = join('dist', 'scripts', 'docs', 'main.js')
  const result = spawnSync(process.execPath, [main, '--check'], { encoding: 'utf8' })
  assert.is(result.status, 0, `${result.stdout}${result.stderr}`)
})

test.run()
