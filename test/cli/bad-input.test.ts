import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { smallProject, writeRepository } from '../support.js'
import { runCli, tinyModel, type CliResult } from './run-cli.js'

const test = suite('bad input')
const scratch = mkdtempSync(join(tmpdir(), 'retrace-bad-'))
const good = writeRepository(smallProject)
let runs = 0

/** One line for a person, the code, and no half-written run. */
function expectRefusal({ code, stderr }: CliResult, expectedCode: number, message: RegExp): void {
  assert.is(code, expectedCode, stderr)
  assert.match(stderr, message)
  const lines = stderr
    .trim()
    .split('\n')
    .filter((line) => line.startsWith('retrace: '))
  assert.is(lines.length, 1, stderr)
  assert.not.match(stderr, /\n\s+at /)
}

async function run(repositories: string[], more: string[] = []): Promise<CliResult & { out: string }> {
  const out = join(scratch, `run-${runs++}`)
  return { ...(await runCli(['run', ...repositories, '--out', out, '--model', tinyModel, ...more])), out }
}

test('an empty folder', async () => {
  const empty = mkdtempSync(join(scratch, 'empty-'))
  const result = await run([empty])
  expectRefusal(result, 1, /empty|no file/i)
  assert.not(existsSync(join(result.out, 'manifest.json')))
})

test('a path that does not exist', async () => {
  const result = await run([join(scratch, 'nowhere')])
  expectRefusal(result, 2, /nowhere does not exist/)
  assert.not(existsSync(result.out), 'a run folder was made')
})

test('a file of random bytes', async () => {
  const path = join(scratch, 'noise.bin')
  writeFileSync(path, randomBytes(5000))
  expectRefusal(await run([path]), 1, /noise\.bin/)
  const named = join(scratch, 'noise.tar.gz')
  copyFileSync(path, named)
  expectRefusal(await run([named]), 1, /noise\.tar\.gz/)
})

test('invalid UTF-8, a file of 200 MB, a symlink loop and a link out of the root are skipped with a reason', async () => {
  const folder = writeRepository({ ...smallProject, 'src/latin.ts': Buffer.from([0x2f, 0x2f, 0xe9, 0x0a]) })
  writeFileSync(join(folder, 'huge.ts'), '')
  truncateSync(join(folder, 'huge.ts'), 200 * 2 ** 20)
  symlinkSync('.', join(folder, 'loop'))
  symlinkSync(scratch, join(folder, 'outside'))
  const { code, stdout } = await runCli(['ground', folder, '--json'])
  assert.is(code, 0)
  const snapshot = JSON.parse(stdout) as { files: unknown[]; skipped: { path: string; reason: string }[] }
  assert.is(snapshot.files.length, Object.keys(smallProject).length)
  assert.equal(snapshot.skipped.map(({ path, reason }) => `${path} ${reason}`).sort(), [
    'huge.ts oversized',
    'loop symlink',
    'outside symlink',
    'src/latin.ts invalid-utf8',
  ])
})

test('an archive with ../ in it', async () => {
  const folder = mkdtempSync(join(scratch, 'archive-'))
  mkdirSync(join(folder, 'inner'))
  writeFileSync(join(folder, 'evil.ts'), 'export const evil = 1\n')
  const archive = join(folder, 'evil.tar.gz')
  execFileSync('tar', ['-C', join(folder, 'inner'), '-P', '-czf', archive, '../evil.ts'])
  expectRefusal(await run([archive]), 1, /\.\./)
})

test('one bad repository among good ones is left out, with its reason in the manifest', async () => {
  const empty = mkdtempSync(join(scratch, 'empty-'))
  const config = join(scratch, 'no-search.json')
  writeFileSync(config, '{"search": false}')
  const result = await run([good, empty], ['--config', config])
  assert.is(result.code, 0, result.stderr)
  const manifest = JSON.parse(readFileSync(join(result.out, 'manifest.json'), 'utf8')) as {
    rejects: { reason: string }[]
  }
  assert.equal(
    manifest.rejects.map(({ reason }) => reason),
    ['REPOSITORY_EMPTY'],
  )
})

test('a config with a wrong key, a wrong value, no JSON, and none at all', async () => {
  const config = join(scratch, 'wrong.json')
  const refused = async (text: string, message: RegExp): Promise<void> => {
    writeFileSync(config, text)
    const result = await run([good], ['--config', config])
    expectRefusal(result, 2, message)
    assert.not(existsSync(result.out))
  }
  await refused('{"sede": 1}', /sede/)
  await refused('{"packing": {"sequenceLength": 5}}', /packing\.sequenceLength/)
  await refused('{', /not JSON/)
  expectRefusal(await run([good], ['--config', join(scratch, 'none.json')]), 2, /none\.json does not exist/)
})

test('a model folder that lacks a file, and one with a truncated safetensors', async () => {
  const model = mkdtempSync(join(scratch, 'model-'))
  const files = ['config.json', 'tokenizer.json', 'model.safetensors']
  const renew = (): void => files.forEach((name) => copyFileSync(join(tinyModel, name), join(model, name)))
  for (const missing of files) {
    renew()
    rmSync(join(model, missing))
    expectRefusal(
      await runCli(['run', good, '--out', join(scratch, 'lacks'), '--model', model]),
      2,
      new RegExp(missing),
    )
    assert.not(existsSync(join(scratch, 'lacks')))
  }
  renew()
  truncateSync(join(model, 'model.safetensors'), 100_000)
  expectRefusal(
    await runCli(['run', good, '--out', join(scratch, 'truncated'), '--model', model]),
    1,
    /model\.safetensors/,
  )
  assert.not(existsSync(join(scratch, 'truncated', 'manifest.json')))
})

test('names and descriptions that would steer a terminal are shown and not obeyed', async () => {
  const folder = writeRepository({
    'package.json': JSON.stringify({ name: 'evil', description: 'nice \u001b]0;pwned\u0007 words' }),
    'src/a\u001b[2J.ts': 'export const a = 1\n',
  })
  const { code, stdout } = await runCli(['ground', folder])
  assert.is(code, 0)
  assert.match(stdout, /nice .*words/)
  assert.not.match(stdout, /[\u0000-\u0009\u000b-\u001f\u007f]/)
})

test('ground says where from, under which licence, and why imports lead nowhere', async () => {
  const folder = writeRepository({
    'package.json': JSON.stringify({ name: 'said', license: 'MIT' }),
    'src/a.ts': 'import "./b.js"\nimport "./gone.js"\nimport "./also-gone.js"\nimport "zod"\n',
    'src/b.ts': 'export const b = 1\n',
    'tools/a.py': 'import json\n',
  })
  const { code, stdout } = await runCli(['ground', folder])
  assert.is(code, 0)
  assert.match(stdout, /^source: folder$/m)
  assert.match(stdout, /^licence: MIT \(package\.json says MIT\)$/m)
  assert.match(stdout, /^python +0 +1 +0 +0\.0 %$/m)
  assert.match(stdout, /^typescript +1 +1 +2 +50\.0 %$/m)
  assert.match(stdout, /^all +1 +2 +2 +40\.0 %$/m)
  assert.match(stdout, /^2 unresolved: no such file in the repository$/m)
})

test('an --out that is a file, and one that holds other things', async () => {
  const file = join(scratch, 'a-file')
  writeFileSync(file, 'mine')
  expectRefusal(await runCli(['run', good, '--out', file, '--model', tinyModel]), 2, /a-file/)
  assert.is(readFileSync(file, 'utf8'), 'mine')
  const folder = writeRepository({ 'notes.txt': 'mine' })
  expectRefusal(await runCli(['run', good, '--out', folder, '--model', tinyModel]), 2, /holds other things than a run/)
})

test('the same repository twice counts once, and the manifest says so', async () => {
  const config = join(scratch, 'off.json')
  writeFileSync(config, '{"search": false}')
  const result = await run([good, good], ['--config', config])
  assert.is(result.code, 0, result.stderr)
  const manifest = JSON.parse(readFileSync(join(result.out, 'manifest.json'), 'utf8')) as {
    repositories: unknown[]
    rejects: { message: string }[]
  }
  assert.is(manifest.repositories.length, 1)
  assert.match(manifest.rejects[0]?.message ?? '', /same content as an input before it/)
})

test('words that the command line does not know', async () => {
  for (const args of [['run'], ['run', good], ['frobnicate'], ['pack', good, '--frob'], ['score']]) {
    const { code, stderr } = await runCli(args)
    assert.is(code, 2, args.join(' '))
    assert.match(stderr, /error: /)
  }
  const help = await runCli(['--help'])
  assert.is(help.code, 0)
  for (const command of ['run', 'ground', 'replay', 'score', 'pack', 'report'])
    assert.match(help.stdout, new RegExp(`^  ${command} `, 'm'))
})

test('a folder that is no run', async () => {
  for (const command of ['replay', 'pack', 'report'])
    expectRefusal(await runCli([command, good]), 2, /not the folder of a run/)
})

test('score takes the small model that ships where none is named', async () => {
  const input = join(scratch, 'one-request.jsonl')
  writeFileSync(input, '{"id": 1, "prefix": "const a", "branches": [{"target": " = 1"}]}\n')
  const result = await runCli(['score', '--in', input, '--out', join(scratch, 'one-answer.jsonl'), '--json'])
  assert.is(result.code, 0, result.stderr)
  assert.is((JSON.parse(result.stdout) as { failed: number }).failed, 0)
})

test('a request that cannot be scored is answered with its error, the others with their scores', async () => {
  const input = join(scratch, 'requests.jsonl')
  const output = join(scratch, 'answers.jsonl')
  const lines = [
    {
      id: 'fine',
      prefix: 'const a',
      branches: [
        { context: ' =', target: ' 1' },
        { context: '', target: ';' },
      ],
    },
    { id: 'ids', prefix: [5, 6, 7], branches: [{ context: [], target: [8] }] },
    { id: 'past', prefix: [5], branches: [{ context: [], target: [512] }] },
    { id: 'empty', prefix: 'a', branches: [{ context: 'b', target: '' }] },
    { id: 'long', prefix: 'a', branches: [{ context: '', target: Array.from({ length: 5000 }, () => 65) }] },
    { id: 'odd', prefix: 'a', branches: 'x' },
  ]
  writeFileSync(input, [...lines.map((line) => JSON.stringify(line)), 'no json', ''].join('\n'))
  const result = await runCli(['score', '--model', tinyModel, '--in', input, '--out', output, '--json'])
  assert.is(result.code, 0, result.stderr)
  assert.equal(JSON.parse(result.stdout), { answered: 7, failed: 5, out: output })
  type Line = {
    id: unknown
    branches?: { tokens: number; sum: number; mean: number; logProbs: number[] }[]
    error?: { code: string }
  }
  const answers = readFileSync(output, 'utf8')
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line)
  assert.equal(
    answers.map((one) => one.id),
    ['fine', 'ids', 'past', 'empty', 'long', 'odd', null],
  )
  assert.equal(answers.map((one) => one.error?.code ?? 'ok').slice(0, 3), ['ok', 'ok', 'TOKEN_OUT_OF_RANGE'])
  assert.is(answers[4]?.error?.code, 'CONTEXT_TOO_LONG')
  for (const branch of answers.flatMap((one) => one.branches ?? [])) {
    assert.is(branch.logProbs.length, branch.tokens)
    const sum = branch.logProbs.reduce((total, value) => total + value, 0)
    assert.ok(Math.abs(sum - branch.sum) < 1e-9 && Math.abs(sum / branch.tokens - branch.mean) < 1e-9)
    assert.ok(branch.logProbs.every((value) => value <= 0))
  }
  expectRefusal(await runCli(['score', '--model', tinyModel, '--in', input, '--out', input]), 2, /would replace/)
  expectRefusal(
    await runCli(['score', '--model', tinyModel, '--in', join(scratch, 'no.jsonl'), '--out', output]),
    2,
    /no\.jsonl does not exist/,
  )
})

test.run()
