import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { smallProject, writeRepository } from '../support.js'
import { allowOneHost, type OneHost } from './one-host.js'
import { listFolder, runProgram, setWritable, shellEnvironment, type Outcome } from './packed.js'

// The package as somebody gets it who installs it: packed, installed into an empty folder with nothing to reach but the
// registry and with npm's own settings, and used there.
const root = process.cwd()
const scratch = mkdtempSync(join(tmpdir(), 'retrace-package-'))
const program = join(scratch, 'program')
const installed = join(program, 'node_modules', 'retrace-cpt')
const prebuilt = join(root, 'prebuilds', `${process.platform}-${process.arch}`, 'retrace.node')
const shell = shellEnvironment()
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }

interface Packed {
  filename: string
  size: number
  unpackedSize: number
  entryCount: number
  files: { path: string }[]
}

const test = suite('the package')
let network: OneHost | null = null
let before: string[] = []
test.after(() => {
  network?.close()
  rmSync(scratch, { recursive: true, force: true })
})

/** Runs a program in the folder where the package is installed. @returns its standard output */
async function inProgram(command: string, ...args: string[]): Promise<string> {
  const env = { ...shell, ...network?.environment, XDG_CACHE_HOME: join(scratch, 'cache'), NO_COLOR: '1' }
  const outcome: Outcome = await runProgram(command, args, program, env)
  assert.is(outcome.code, 0, `${command} ${args.join(' ')}\n${outcome.stdout}${outcome.stderr}`)
  return outcome.stdout
}

function pack(): Packed {
  if (!existsSync(prebuilt) && ['cmake', 'c++'].every((tool) => spawnSync(tool, ['--version']).status === 0)) {
    const built = spawnSync(process.execPath, [join('scripts', 'prebuild.mjs')], { cwd: root, encoding: 'utf8' })
    assert.is(built.status, 0, built.stderr)
  }
  const args = ['pack', '--ignore-scripts', '--json', '--pack-destination', scratch]
  const { status, stdout, stderr } = spawnSync('npm', args, { cwd: root, encoding: 'utf8', env: shell })
  assert.is(status, 0, stderr)
  return (JSON.parse(stdout) as [Packed])[0]
}

/** Why the host of an address cannot be reached; `null` where it can. */
function whyUnreachable(address: string): Promise<string | null> {
  const { hostname, port, protocol } = new URL(address)
  return new Promise((resolve) => {
    const socket = connect(Number(port || (protocol === 'https:' ? 443 : 80)), hostname)
    const end = (reason: string | null): void => {
      socket.destroy()
      resolve(reason)
    }
    socket.setTimeout(10_000, () => end('it does not answer'))
    socket.on('connect', () => end(null)).on('error', ({ message }) => end(message))
  })
}

const packed = pack()
const paths = packed.files.map(({ path }) => path)

test('holds what a program needs to run, to build the native engine and to train, and nothing else', () => {
  const needed = [
    'LICENSE',
    'README.md',
    'bin/retrace.mjs',
    'models/retrace-small/model.safetensors',
    'native/CMakeLists.txt',
    'native/device.h',
    'prompts/main.md',
    'scripts/build-native.mjs',
    'scripts/native-tools.mjs',
    'scripts/setup.mjs',
  ]
  for (const path of needed) assert.ok(paths.includes(path), `${path} is missing`)
  assert.ok(
    paths.some((path) => /^(python|scripts\/train)\/.*\.py$/.test(path)),
    'no Python for training',
  )
  if (existsSync(prebuilt)) assert.ok(paths.some((path) => /^prebuilds\/.*\/retrace\.node$/.test(path)))
  const unwanted =
    /(^|\/)(tests?|bench|build|__pycache__|\.[^/]+)\/|\.[jt]s\.map$|\.tsbuildinfo$|\.pyc$|\.test\.|^dist\/(?!src\/)/
  assert.equal(
    paths.filter((path) => unwanted.test(path)),
    [],
  )
})

test('holds the compiled form of each source file, and of no file that is gone', () => {
  const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  )
  const wanted = sources.flatMap((name) => ['.d.ts', '.js'].map((ending) => `dist/src/${name.slice(0, -3)}${ending}`))
  assert.equal(paths.filter((path) => path.startsWith('dist/')).sort(), wanted.sort())
})

test('has a file for each of its entries', () => {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    exports: Record<string, string | { types: string; default: string }>
  }
  const targets = Object.values(exports).flatMap((entry) =>
    typeof entry === 'string' ? [entry] : Object.values(entry),
  )
  for (const target of targets)
    assert.ok(paths.includes(target.replace(/^\.\//, '')), `${target} is not in the package`)
})

const registry = spawnSync('npm', ['config', 'get', 'registry'], {
  cwd: scratch,
  encoding: 'utf8',
  env: shell,
}).stdout.trim()
const unreachable = await whyUnreachable(registry)
if (unreachable === null) addInstalledTests()
else {
  process.stdout.write(`skipped: installing the package: the npm registry cannot be reached: ${unreachable}\n`)
  test.skip('installed from the registry', () => {})
}

function addInstalledTests(): void {
  test('is installed with nothing to reach but the registry', async () => {
    network = await allowOneHost(registry)
    mkdirSync(program)
    const asks = "require('node:net').connect(443, 'other.invalid').on('error', (error) => console.log(error.message))"
    assert.is(await inProgram(process.execPath, '-e', asks), 'refused by the test: other.invalid\n')
    await inProgram('npm', 'install', join(scratch, packed.filename))
    assert.ok(existsSync(join(installed, 'package.json')))
    const hasOnnx = existsSync(join(program, 'node_modules', 'onnxruntime-node'))
    const refused = network.refused().filter((host) => host !== 'other.invalid')
    process.stdout.write(`asked for in vain: ${refused.join(', ') || 'nothing'}; `)
    process.stdout.write(`onnxruntime-node is ${hasOnnx ? 'installed' : 'left out'}\n`)
    before = listFolder(installed)
  })

  test('its command says its version', async () => {
    assert.is(await inProgram('npx', 'retrace', '--version'), `${version}\n`)
  })

  test('its command grounds a repository and runs it to shards, without a search', async () => {
    const repository = writeRepository(smallProject)
    const grounded = JSON.parse(await inProgram('npx', 'retrace', 'ground', repository, '--json')) as {
      order: string[]
    }
    assert.ok(grounded.order.includes('src/words.ts'))
    await inProgram('npx', 'retrace', 'run', repository, '--out', 'runs/plain', '--no-search', '--quiet')
    assert.ok(existsSync(join(program, 'runs', 'plain', 'manifest.json')))
    rmSync(repository, { recursive: true, force: true })
  })

  test('its command searches and scores with the backend that it finds by itself', async () => {
    if (!existsSync(prebuilt) && !existsSync(join(program, 'node_modules', 'onnxruntime-node'))) {
      process.stdout.write(
        `skipped: the search of an installed package: there is no ${prebuilt}, and no onnxruntime-node\n`,
      )
      return
    }
    const repository = writeRepository({ 'add.ts': smallProject['src/words.ts'] as string })
    const summary = JSON.parse(
      await inProgram('npx', 'retrace', 'run', repository, '--out', 'runs/searched', '--json', '--quiet'),
    ) as { search: { searched: number } | null }
    rmSync(repository, { recursive: true, force: true })
    assert.ok(summary.search !== null)
    assert.ok(existsSync(join(program, 'runs', 'searched', 'search')))
    const request = { id: 'a', prefix: 'const a = 1\n', branches: [{ context: '', target: 'const b = 2\n' }] }
    writeFileSync(join(program, 'requests.jsonl'), `${JSON.stringify(request)}\n`)
    const model = join('node_modules', 'retrace-cpt', 'models', 'retrace-small')
    await inProgram('npx', 'retrace', 'score', '--model', model, '--in', 'requests.jsonl', '--out', 'answers.jsonl')
    const answer = JSON.parse(readFileSync(join(program, 'answers.jsonl'), 'utf8')) as { branches: { mean: number }[] }
    assert.ok(answer.branches[0]!.mean < 0)
  })

  const uses = `console.log([typeof main.run, typeof records.searchRowSchema, typeof grounding.groundRepository].join())`
  const entries = { main: 'retrace-cpt', records: 'retrace-cpt/records', grounding: 'retrace-cpt/grounding' }
  const expected = 'function,object,function\n'

  test('its entries can be imported', async () => {
    const imports = Object.entries(entries).map(([name, entry]) => `import * as ${name} from '${entry}'\n`)
    assert.is(await inProgram(process.execPath, '--input-type=module', '-e', imports.join('') + uses), expected)
  })

  test('its entries can be required, where Node can require a module', async () => {
    const canRequire = (process.features as { require_module?: boolean }).require_module === true
    if (!canRequire)
      return void process.stdout.write(`skipped: require: Node ${process.versions.node} cannot require a module\n`)
    const requires = Object.entries(entries).map(([name, entry]) => `const ${name} = require('${entry}')\n`)
    assert.is(await inProgram(process.execPath, '-e', requires.join('') + uses), expected)
  })

  test('its command works for a user who cannot write to the package', async () => {
    // For the superuser nothing is read-only, so the command is then run as nobody.
    const user = process.getuid?.() === 0 ? { uid: 65534, gid: 65534 } : {}
    const home = join(scratch, 'home')
    const repository = writeRepository({ 'add.ts': smallProject['src/words.ts'] as string })
    mkdirSync(home)
    for (const folder of [home, repository]) chmodSync(folder, 0o777)
    chmodSync(scratch, 0o755)
    const env = { ...shell, HOME: home, NO_COLOR: '1' }
    const act = (command: string, ...args: string[]): Promise<Outcome> => runProgram(command, args, home, env, user)
    const retrace = join(program, 'node_modules', '.bin', 'retrace')
    setWritable(installed, false)
    try {
      assert.is.not((await act('touch', join(installed, 'x'))).code, 0, 'the package can be written to')
      const ground = await act(retrace, 'ground', repository)
      assert.is(ground.code, 0, ground.stderr)
      const run = await act(
        retrace,
        'run',
        repository,
        '--out',
        'run',
        ...(existsSync(prebuilt) ? [] : ['--no-search']),
      )
      assert.is(run.code, 0, run.stderr)
      assert.ok(existsSync(join(home, 'run', 'manifest.json')))
    } finally {
      setWritable(installed, true)
      rmSync(repository, { recursive: true, force: true })
    }
  })

  test('nothing of all this wrote into the installed package', () => {
    assert.ok(before.length > 100)
    assert.equal(listFolder(installed), before)
  })
}

process.stdout.write(`${packed.size} bytes packed, ${packed.unpackedSize} unpacked, ${packed.entryCount} files\n`)
test.run()
