import { cpSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { groundingOptionsSchema } from '../../../src/grounding/index.js'
import { checkDisk, checkNode, findGit, needsGit } from '../../../src/pipeline/preflight/machine-checks.js'
import { digestFolder, runCli, tinyModel, type CliResult } from '../../cli/run-cli.js'
import { startFaultyServer, type FaultyServer } from '../../generation/faulty-server.js'
import { writeRepository } from '../../support.js'

const test = suite('preflight')
const scratch = mkdtempSync(join(tmpdir(), 'retrace-preflight-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))
const repository = writeRepository({
  'package.json': '{"name": "small"}',
  'a.js': "import { b } from './b.js'\nexport const a = () => b(1)\n",
  'b.js': 'export const b = (x) => x + 1\n',
})
const noNative = join(scratch, 'no-native')
mkdirSync(noNative)

/** Runs with these keys of a config, in an environment that lacks the native engine, and no API key. */
async function start(name: string, keys: object, model = tinyModel): Promise<CliResult> {
  const path = join(scratch, `${name}.json`)
  writeFileSync(path, JSON.stringify({ packing: { sequenceLength: 4096 }, ...keys }))
  const before = process.env.RETRACE_NATIVE_DIR
  process.env.RETRACE_NATIVE_DIR = noNative
  try {
    return await runCli(['run', repository, '--out', join(scratch, name), '--config', path, '--model', model])
  } finally {
    if (before === undefined) delete process.env.RETRACE_NATIVE_DIR
    else process.env.RETRACE_NATIVE_DIR = before
  }
}

const endpoint = ({ baseUrl }: Pick<FaultyServer, 'baseUrl'>, name: string): object => ({
  ...{ kind: 'endpoint', baseUrl, model: 'fake', apiKeyEnv: 'RETRACE_TEST_NO_SUCH_KEY' },
  ...{ cacheDir: join(scratch, `cache-${name}`), maxAttempts: 1, maxAsks: 0 },
})
const search = { rounds: 1, maxThoughtTokens: 500 }

/** Starts a run that has to be refused, with a server that nobody may ask; gives what was said. */
async function refused(name: string, keys: object, code: number, model = tinyModel): Promise<string> {
  const server = await startFaultyServer()
  try {
    const result = await start(name, { generation: endpoint(server, name), search, ...keys }, model)
    assert.is(result.code, code, result.stderr)
    assert.equal([server.asked.length, server.gets.length], [0, 0], 'the server was asked')
    assert.equal(readdirSync(join(scratch, name)), [], 'something was done')
    assert.match(result.stderr, /^retrace: [^\n]*\n$/)
    return result.stderr
  } finally {
    await server.stop()
  }
}

test('no call is paid where the backend cannot be loaded', async () => {
  const said = await refused('no-backend', { scorer: { backend: 'native' } }, 2)
  assert.match(said, /The native engine is not built: there is no .*no-native/)
})

test('no call is paid where the device is not there', async () => {
  const name = 'no-device'
  const keys = { generation: endpoint({ baseUrl: 'http://127.0.0.1:1/v1' }, name), search }
  const config = join(scratch, `${name}.json`)
  writeFileSync(config, JSON.stringify({ ...keys, scorer: { backend: 'native', device: 'cuda', gpu: 4096 } }))
  const result = await runCli(['run', repository, '--out', join(scratch, name), '--config', config])
  assert.is(result.code, 2, result.stderr)
  // Where the engine is not built, that is what is said.
  assert.match(result.stderr, /device cuda cannot be used|not built/)
  assert.equal(readdirSync(join(scratch, name)), [])
})

test('no call is paid where the tokenizer lacks a special token of the renderer', async () => {
  const model = join(scratch, 'model-of-other-chat')
  cpSync(tinyModel, model, { recursive: true })
  const path = join(model, 'tokenizer.json')
  writeFileSync(path, readFileSync(path, 'utf8').replaceAll('<|eot_id|>', '<|other_id|>'))
  const said = await refused('no-token', {}, 1, model)
  assert.match(
    said,
    /The renderer llama3-chat needs the special tokens <\|eot_id\|>, which the tokenizer of .*other-chat/,
  )
})

test('no call is paid where there is no key for another machine', async () => {
  const server = await startFaultyServer()
  // The same machine by a name that does not say so.
  const elsewhere = { baseUrl: server.baseUrl.replace('127.0.0.1', '[::ffff:127.0.0.1]') }
  const result = await start('no-key', { generation: endpoint(elsewhere, 'no-key'), search })
  await server.stop()
  assert.is(result.code, 1, result.stderr)
  assert.match(result.stderr, /needs a key, and the environment variable RETRACE_TEST_NO_SUCH_KEY is not set/)
  assert.equal([server.asked.length, server.gets.length], [0, 0])
  assert.equal(readdirSync(join(scratch, 'no-key')), [])
})

test('nothing is grounded where the server does not answer or refuses the key', async () => {
  const gone = await startFaultyServer()
  await gone.stop()
  const away = await start('away', { generation: endpoint(gone, 'away'), search })
  assert.is(away.code, 1, away.stderr)
  assert.match(away.stderr, /^retrace: http:\/\/127\.0\.0\.1:\d+\/v1 does not answer: .*Start the server/)
  const server = await startFaultyServer({ onGet: () => ({ status: 401, body: {} }) })
  const key = await start('wrong-key', { generation: endpoint(server, 'wrong-key'), search })
  await server.stop()
  assert.is(key.code, 1, key.stderr)
  assert.match(key.stderr, /does not accept the key/)
  assert.is(server.asked.length, 0)
  for (const name of ['away', 'wrong-key']) assert.equal(readdirSync(join(scratch, name)), [])
})

test('a run whose answers are all in the cache needs no server', async () => {
  const server = await startFaultyServer()
  const first = await start('with-server', { generation: endpoint(server, 'shared'), search })
  assert.is(first.code, 0, first.stderr)
  assert.ok(server.asked.length > 0)
  await server.stop()
  const second = await start('without-server', { generation: endpoint(server, 'shared'), search })
  assert.is(second.code, 0, second.stderr)
  assert.match(second.stderr, /does not answer: .* goes on as long as answers are in the cache\.\n/)
  const bytes = (name: string): object =>
    digestFolder(join(scratch, name), ['report.html', 'timings.jsonl', 'ledger.jsonl', 'config.json'])
  assert.equal(bytes('without-server'), bytes('with-server'))
})

test('with the search off, and for a run that is whole, no backend is needed', async () => {
  const off = await start('search-off', { search: false, scorer: { backend: 'native' } })
  assert.is(off.code, 0, off.stderr)
  const again = await start('search-off', { search: false, scorer: { backend: 'native' } })
  assert.match(again.stdout, /Nothing was left to do/)
})

test('the disk is too small for inputs of which a run would take more than is free', () => {
  const archive = join(scratch, 'huge.tar.gz')
  writeFileSync(archive, '')
  // Sparse: its size is in its inode alone.
  truncateSync(archive, 2 ** 43)
  const bounds = groundingOptionsSchema.parse({ maxTotalBytes: 2 ** 50 })
  assert.throws(
    () => checkDisk(scratch, [archive], bounds),
    (error: { code: string; message: string }) =>
      error.code === 'DISK_TOO_SMALL' &&
      /GiB free, and a run of these inputs takes about \d+\.\d GiB/.test(error.message),
  )
  // What the bounds never read needs no room.
  assert.match(checkDisk(scratch, [archive], groundingOptionsSchema.parse({})), /GiB free/)
  const folder = join(scratch, 'huge')
  const inFolder = (path: string, options: object): void => {
    mkdirSync(join(folder, path, '..'), { recursive: true })
    writeFileSync(join(folder, path), '')
    truncateSync(join(folder, path), 2 ** 43)
    const more = groundingOptionsSchema.parse({ ...bounds, ...options })
    assert.match(checkDisk(join(scratch, 'not', 'there'), [folder], more), /GiB free for .*retrace-preflight/)
  }
  inFolder('.git/pack', { maxFileSizeBytes: 2 ** 50 })
  inFolder('video.js', {})
})

test('git is needed for a revision and for a bare repository, and its lack is told', async () => {
  const bare = join(scratch, 'bare.git')
  for (const name of ['objects', 'refs']) mkdirSync(join(bare, name), { recursive: true })
  writeFileSync(join(bare, 'HEAD'), 'ref: refs/heads/main\n')
  assert.equal([repository, `${repository}@v1`, bare].map(needsGit), [false, true, true])
  const { PATH } = process.env
  process.env.PATH = noNative
  const code = await Promise.resolve(findGit()).catch((error: { code: string }) => error.code)
  process.env.PATH = PATH
  assert.is(code, 'GIT_MISSING')
})

test('a version of Node that is too old is told', () => {
  assert.is(checkNode('20.0.0'), 'v20.0.0')
  assert.throws(() => checkNode('18.20.4'), /Node\.js 18\.20\.4 is too old. Install version 20 or later/)
  const { engines } = JSON.parse(readFileSync('package.json', 'utf8')) as { engines: { node: string } }
  assert.is(engines.node, '>=20')
})

test.run()
