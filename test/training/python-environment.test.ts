import { spawn } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { parse } from 'smol-toml'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import type { RetraceError } from '../../src/core/index.js'
import { preparePython, pythonPath } from '../../src/training/index.js'
import { cpuProbe, isAlive, recordedProgress, root, until, writeFakePython } from './training-fakes.js'

const test = suite('Python environment')
const path = process.env['PATH'] ?? ''

test.after.each(() => {
  process.env['PATH'] = path
})

/** A python3 that makes environments whose pip writes what it was asked for, and ends as told. */
function fakeBase(pipEndsWith = 0, waitsForFile = ''): { folder: string; venv: string } {
  const folder = mkdtempSync(join(tmpdir(), 'retrace-venv-'))
  const script = `#!${process.execPath}
const { appendFileSync, copyFileSync, existsSync, mkdirSync, writeFileSync } = require('node:fs')
const { dirname, join } = require('node:path')
const args = process.argv.slice(2)
if (args[1] === 'venv') {
  mkdirSync(join(args[2], 'bin'), { recursive: true })
  copyFileSync(process.argv[1], join(args[2], 'bin', 'python'))
} else if (args[1] === 'pip') {
  appendFileSync(${JSON.stringify(join(folder, 'pip.log'))}, args.join(' ') + '\\n')
  writeFileSync(${JSON.stringify(join(folder, 'pip.pid'))}, String(process.pid))
  console.log('Downloading torch-2.13.0.whl (700.1 MB)')
  console.error('the last words of pip')
  const go = () => existsSync(${JSON.stringify(waitsForFile)}) || ${waitsForFile === ''} || process.uptime() > 60
  const wait = () => go() ? process.exit(${pipEndsWith}) : setTimeout(wait, 20)
  wait()
} else console.log(${JSON.stringify(JSON.stringify(cpuProbe))})
`
  mkdirSync(join(folder, 'bin'))
  // Whatever lies above the folder, the file is a plain script.
  writeFileSync(join(folder, 'package.json'), '{}')
  writeFileSync(join(folder, 'bin', 'python3'), script)
  chmodSync(join(folder, 'bin', 'python3'), 0o755)
  process.env['PATH'] = `${join(folder, 'bin')}:${path}`
  return { folder, venv: join(folder, 'venv') }
}

async function failureOf(work: Promise<unknown>): Promise<RetraceError> {
  try {
    await work
  } catch (error) {
    return error as RetraceError
  }
  throw new Error('nothing was thrown')
}

const pipCalls = (folder: string): number => readFileSync(join(folder, 'pip.log'), 'utf8').trim().split('\n').length

test('an environment is made once, and again only where more is asked for', async () => {
  const { folder, venv } = fakeBase()
  const { progress, lines } = recordedProgress()
  const python = await preparePython({ venv }, { progress })
  assert.is(python, join(venv, 'bin', 'python'))
  assert.match(
    lines.join('\n'),
    /Making a Python environment in .*, once[^]*Downloading torch-2\.13\.0\.whl \(700\.1 MB\)/,
  )
  await preparePython({ venv }, { progress })
  assert.is(pipCalls(folder), 1)
  const error = await failureOf(preparePython({ venv, extras: 'trl' }, { progress }))
  assert.is(error.code, 'PYTHON_INCOMPLETE')
  assert.is(pipCalls(folder), 2)
  assert.match(readFileSync(join(folder, 'pip.log'), 'utf8'), /requirements-trl\.txt/)
  await preparePython({ venv }, { progress })
  assert.is(pipCalls(folder), 2)
})

test('what pip says at its end is in the error, and the next start makes the environment anew', async () => {
  const { folder, venv } = fakeBase(3)
  const { progress } = recordedProgress()
  const error = await failureOf(preparePython({ venv }, { progress }))
  assert.is(error.code, 'ENVIRONMENT_FAILED')
  assert.match(error.message, /pip install .* ended with 3\..*\n.*the last words of pip$/s)
  writeFileSync(join(venv, 'half'), '')
  await failureOf(preparePython({ venv }, { progress }))
  assert.is(existsSync(join(venv, 'half')), false)
  assert.is(pipCalls(folder), 2)
})

test('of two that need it one makes it and the other waits', async () => {
  const go = join(mkdtempSync(join(tmpdir(), 'retrace-go-')), 'go')
  const { folder, venv } = fakeBase(0, go)
  const [one, other] = [recordedProgress(), recordedProgress()]
  const both = Promise.all([preparePython({ venv }, one), preparePython({ venv }, other)])
  await until(() => [...one.lines, ...other.lines].some((line) => line.includes('waiting for it')), 'the other')
  writeFileSync(go, '')
  const [first, second] = await both
  assert.is(first, second)
  assert.is(pipCalls(folder), 1)
})

test('a stop ends pip, and what it left is not taken for whole', async () => {
  const { folder, venv } = fakeBase(0, '/nowhere/ever')
  const stop = new AbortController()
  const { progress, lines } = recordedProgress()
  const work = failureOf(preparePython({ venv }, { progress, signal: stop.signal }))
  await until(() => lines.some((line) => line.startsWith('Downloading')), 'pip')
  stop.abort(new Error('enough'))
  assert.is((await work).message, 'enough')
  fakeBase()
  await preparePython({ venv }, { progress })
  assert.is(pipCalls(folder), 1)
})

test('pip ends with the process that started it, and what it left is made anew', async () => {
  const { folder, venv } = fakeBase(0, '/nowhere/ever')
  const room = new URL('../../src/training/index.js', import.meta.url).href
  const progress = '{ note() {}, detail() {}, stage() {} }'
  const code = `import { preparePython } from '${room}'; await preparePython({ venv: ${JSON.stringify(venv)} }, { progress: ${progress} })`
  const maker = spawn(process.execPath, ['--input-type=module', '-e', code], { stdio: 'ignore' })
  await until(() => existsSync(join(folder, 'pip.pid')), 'pip')
  const pip = Number(readFileSync(join(folder, 'pip.pid'), 'utf8'))
  assert.is(isAlive(pip), true)
  maker.kill('SIGKILL')
  await until(() => !isAlive(pip), 'the end of pip')
  writeFileSync(join(venv, 'half'), '')
  fakeBase()
  await preparePython({ venv }, recordedProgress())
  assert.is(existsSync(join(venv, 'half')), false)
})

test('a folder of other things is never written to', async () => {
  const { folder } = fakeBase()
  const error = await failureOf(preparePython({ venv: join(folder, 'bin') }, recordedProgress()))
  assert.is(error.code, 'ENVIRONMENT_FAILED')
  assert.match(error.message, /holds other things than a Python environment/)
})

test('a Python that is given is asked what it has, and nothing is installed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'retrace-python-'))
  const python = writeFakePython(folder, [])
  assert.is(await preparePython({ python }, recordedProgress()), python)
  writeFakePython(folder, [], { ...cpuProbe, torch: '1.13.1', transformers: null })
  const error = await failureOf(preparePython({ python }, recordedProgress()))
  assert.is(error.code, 'PYTHON_INCOMPLETE')
  assert.match(
    error.message,
    /cannot train: torch is 1\.13\.1, needed is 2\.6 or later; transformers is missing\. Run .* -m pip install -r/,
  )
  const trl = writeFakePython(folder, [])
  assert.match(
    (await failureOf(preparePython({ python: trl, extras: 'trl' }, recordedProgress()))).message,
    /trl is missing/,
  )
})

test('without python3 the next step is named', async () => {
  const { venv } = fakeBase()
  process.env['PATH'] = '/nowhere'
  const error = await failureOf(preparePython({ venv }, recordedProgress()))
  assert.is(error.code, 'PYTHON_MISSING')
  assert.match(error.message, /There is no python3/)
})

test('the folder by default is in the cache and of the requirements', () => {
  const before = process.env['XDG_CACHE_HOME']
  process.env['XDG_CACHE_HOME'] = '/cache'
  try {
    const [plain, trl] = [pythonPath({}), pythonPath({ extras: 'trl' })]
    assert.match(plain, /^\/cache\/retrace\/python-[0-9a-f]{12}\/bin\/python$/)
    assert.is.not(plain, trl)
  } finally {
    if (before === undefined) delete process.env['XDG_CACHE_HOME']
    else process.env['XDG_CACHE_HOME'] = before
  }
})

function pinsOf(file: string): Map<string, string> {
  const lines = readFileSync(join(root, file), 'utf8').split('\n')
  const pins = lines.filter((line) => line.trim() !== '' && !line.startsWith('#')).map((line) => line.split('=='))
  return new Map(pins.map(([name, version]) => [name ?? '', version ?? '']))
}

test('every requirement is pinned, and to what the tests run with', () => {
  const tested = pinsOf('test/python/requirements.txt')
  const trained = [
    ...pinsOf('python/retrace_train/requirements.txt'),
    ...pinsOf('python/retrace_train/requirements-trl.txt'),
  ]
  for (const [name, version] of trained) {
    assert.match(version, /^\d+(\.\d+)+$/, name)
    if (tested.has(name)) assert.is(version, tested.get(name), name)
  }
  assert.ok(trained.filter(([name]) => tested.has(name)).length >= 6)
})

test('the Python project has the version of this one, and names every package that there is', () => {
  const project = parse(readFileSync(join(root, 'python/pyproject.toml'), 'utf8')) as {
    project: { version: string }
    tool: { setuptools: { packages: string[] } }
  }
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  assert.is(project.project.version, version)
  const files = readdirSync(join(root, 'python'), { recursive: true, encoding: 'utf8' })
  const packages = files
    .filter((path) => path.endsWith('/__init__.py'))
    .map((path) => dirname(path).replaceAll('/', '.'))
  assert.equal([...project.tool.setuptools.packages].sort(), packages.sort())
})

test.run()
