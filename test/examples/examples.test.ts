import { spawnSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { runConfigSchema } from '../../src/config.js'
import { silentProgress } from '../../src/core/index.js'
import { run } from '../../src/pipeline/index.js'
import { tinyModel } from '../cli/run-cli.js'
import { writeRepository } from '../support.js'

const root = process.cwd()
const test = suite('examples')
const scratch = mkdtempSync(join(tmpdir(), 'retrace-examples-'))

const files = {
  'add.ts': '/** Adds two numbers. */\nexport function add(a: number, b: number): number {\n  return a + b\n}\n',
  'double.ts': "import { add } from './add.js'\n\nexport const double = (a: number): number => add(a, a)\n",
}
const repository = writeRepository(files)
test.after(() => [scratch, repository].forEach((folder) => rmSync(folder, { recursive: true, force: true })))

/** A run of the small repository. Its first versions of files are right, so that each file is written once. */
async function makeRun(name: string, search: boolean): Promise<string> {
  const folder = join(scratch, name)
  const synthesis = { debugging: { share: 0 } }
  const config = runConfigSchema.parse(search ? { synthesis } : { synthesis, search: false })
  await run([repository], folder, tinyModel, config, { progress: silentProgress })
  return folder
}

const ran = new Set<string>()

/** The lines that an example prints. */
function linesOf(example: string, ...args: string[]): string[] {
  ran.add(example)
  const program = join(root, 'examples', example)
  const result = spawnSync(process.execPath, [program, ...args], { cwd: scratch, encoding: 'utf8' })
  assert.is(result.status, 0, result.stderr)
  return result.stdout.trimEnd().split('\n')
}

test('a grounded repository is listed with each file after what it imports', () => {
  const [head, ...lines] = linesOf('ground-a-repository.mjs', repository)
  assert.match(head as string, /: 2 files, 0 skipped$/)
  assert.equal(lines, ['add.ts (typescript, 4 lines)', 'double.ts (typescript, 3 lines) imports add.ts'])
})

test('a rendered trajectory trains on the code of every file, and not on what was read', async () => {
  const segments = linesOf('render-a-trajectory.mjs', await makeRun('rendered', false)).map((line) => {
    const [, trained, origin, text] = /^(trained|-) +(\w+) +(".*")$/.exec(line) as unknown as [
      0,
      string,
      string,
      string,
    ]
    return { trained: trained === 'trained', origin, text: JSON.parse(text) as string }
  })
  const trained = segments.filter((segment) => segment.trained).map(({ text }) => text)
  for (const content of Object.values(files)) assert.ok(trained.join('').includes(content), content)
  const seen = segments.filter(({ origin }) => origin === 'observation')
  assert.ok(seen.length > 0 && seen.every((segment) => !segment.trained))
})

test('continuations of one prefix are scored, and the model finds the sensible one most likely', () => {
  const lines = linesOf('score-continuations.mjs')
  const means = lines.map((line) => Number(/^(-\d+\.\d{3}) nats per token {2}"/.exec(line)?.[1]))
  assert.is(means.length, 3)
  assert.ok(means[0]! > means[1]! && means[1]! > means[2]!, means.join(', '))
})

test('the rows of a search are shown, a line for each thought', async () => {
  const folder = await makeRun('searched', true)
  const lines = linesOf('read-search-rows.mjs', folder)
  const rows = readdirSync(join(folder, 'search')).flatMap((name) =>
    readFileSync(join(folder, 'search', name), 'utf8')
      .trimEnd()
      .split('\n'),
  )
  assert.is(lines.length, rows.length)
  for (const line of lines) assert.match(line, /^(add|double)\.ts: -\d+\.\d{3} -> -\d+\.\d{3} {2}\S/)
})

test('the rows of a shard are shown with as many tokens as its manifest counts', async () => {
  const folder = await makeRun('packed', false)
  const [head, text] = linesOf('read-a-shard.mjs', folder, tinyModel)
  const manifest = JSON.parse(readFileSync(join(folder, 'shards', 'manifest.json'), 'utf8')) as {
    packing: { tokens: number; trainedTokens: number }
  }
  const { tokens, trainedTokens } = manifest.packing
  assert.ok(head?.includes(`: ${tokens} tokens, ${trainedTokens} of them trained, of `), head)
  assert.match(text as string, /^ {2}"Build /)
})

test('every example was run', () => {
  assert.equal([...ran].sort(), readdirSync(join(root, 'examples')).sort())
})

test.run()
