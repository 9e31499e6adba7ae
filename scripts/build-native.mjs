// Builds the native engine into build/native and says what of it there is: one line per feature, with a tick or a cross.
// What must build are the engine and the addon. CUDA's part is built where there is an nvcc, and left out with its reason
// where it is not. Arguments go to CMake: `npm run build:native -- -DWITH_TESTS=OFF -DCUDA_HOME=/opt/cuda`.
import { spawnSync } from 'node:child_process'
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { basename, join } from 'node:path'
import { root, setup } from './setup.mjs'

const build = process.env.RETRACE_NATIVE_DIR ?? join(root, 'build', 'native')

function run(command, args, options = {}) {
  return spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, ...options })
}

const isThere = (command) => run(command, ['--version']).error === undefined

function stop(message) {
  console.error(message)
  process.exit(1)
}

/** What a failed step said, from its first error on where one can be told. */
function outputOf({ stdout, stderr, error }) {
  const lines = `${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`.split('\n')
  const first = lines.findIndex((line) => /\berror:|^FAILED|CMake Error|\*\*\* \[/.test(line))
  return lines
    .slice(Math.max(0, first - 2))
    .slice(0, 60)
    .join('\n')
}

function configure() {
  const compiler = process.env.CXX ?? ['c++', 'g++', 'clang++'].find(isThere)
  if (!isThere('cmake') || compiler === undefined || !isThere(compiler)) {
    stop(
      'The native engine needs CMake 3.18 and a C++17 compiler, and here there is no ' +
        `${isThere('cmake') ? 'compiler' : 'cmake'}. Install cmake and g++, or score with the backend "onnx".`,
    )
  }
  if (!existsSync(join(root, 'node_modules', 'node-addon-api'))) setup()
  const generator = isThere('ninja') && !existsSync(join(build, 'CMakeCache.txt')) ? ['-G', 'Ninja'] : []
  const result = run('cmake', ['-S', 'native', '-B', build, ...generator, ...process.argv.slice(2)])
  if (result.status !== 0) stop(`CMake could not configure the native engine:\n${outputOf(result)}`)
  return result.stdout
}

/** Builds targets, all of them where none is named; goes on behind a failure where it can. */
function make(...targets) {
  const named = targets.flatMap((target) => ['--target', target])
  const keepGoing = existsSync(join(build, 'build.ninja')) ? ['-k', '0'] : ['-k']
  const jobs = String(Math.max(1, availableParallelism()))
  return run('cmake', ['--build', build, '--parallel', jobs, ...named, '--', ...keepGoing])
}

/** What CMake said of a feature, behind its name. */
function said(configured, feature) {
  return new RegExp(`^-- ${feature}: (.*)$`, 'm').exec(configured)?.[1] ?? 'not configured'
}

/** What may be left out, by what CMake calls it: the target, and the library that it leaves. */
const optional = {
  'CUDA device': ['retrace_cuda', 'libretrace_cuda.so'],
  "cuDNN's attention": ['retrace_cudnn', 'libretrace_cudnn.so'],
}

/** Removes what an earlier build left and this one did not make: it would be opened, and be of other sources. */
function removeStale(configured, whole) {
  for (const [feature, [target, library]] of Object.entries(optional)) {
    const leftOut = said(configured, feature).startsWith('not ')
    if (leftOut || (whole.status !== 0 && make(target).status !== 0)) rmSync(join(build, library), { force: true })
  }
  for (const name of testPrograms()) {
    if (!existsSync(join(root, 'native', 'test', `${name}.cc`))) rmSync(join(build, 'tests', name))
  }
}

function testPrograms() {
  const folder = join(build, 'tests')
  return existsSync(folder) ? readdirSync(folder).filter((name) => /_test$/.test(name)) : []
}

/** What the devices find on this machine, asked for in a process of its own: a broken addon then breaks nothing here. */
function probe() {
  const program = `
    const addon = require(${JSON.stringify(join(build, 'retrace.node'))})
    addon.probe().then((json) => process.stdout.write(json))`
  const result = run(process.execPath, ['-e', program], { timeout: 60_000 })
  if (result.status === 0) return { found: JSON.parse(result.stdout), why: null }
  return {
    found: null,
    why:
      outputOf(result)
        .trim()
        .split('\n')
        .find((line) => /error/i.test(line)) ?? 'it crashed',
  }
}

/** The one that the engine would open: of the CUDA that it was built with, where it was. */
function findCublasLt(cudaVersion) {
  const name = ['libcublasLt.so', ...(cudaVersion === undefined ? [] : [parseInt(cudaVersion, 10)])].join('.')
  const folders = [...(process.env.RETRACE_CUDA_LIBS ?? '').split(':'), '/usr/local/cuda/lib64'].filter(
    (name) => name !== '',
  )
  const folder = folders.find((one) => existsSync(join(one, name)))
  if (folder !== undefined) return join(folder, name)
  const known = (run('ldconfig', ['-p']).stdout ?? '').split('\n').map((line) => line.split(' => ')[1] ?? '')
  return known.find((path) => basename(path) === name) ?? null
}

function report(configured, whole, log) {
  const has = (file) => existsSync(join(build, file))
  const tests = testPrograms()
  const failed = whole.status === 0 ? '' : `, a part failed: see ${log}`
  const { found, why } = probe()
  const cuda = found?.cuda
  const gpus = (cuda?.devices ?? []).map(({ name }) => name).join(', ')
  const cublasLt = findCublasLt(cuda?.runtimeVersion)
  const features = [
    ['engine', has('libretrace_engine.so'), 'libretrace_engine.so'],
    ['CPU reference', found?.cpu?.count > 0, found?.cpu?.devices?.[0]?.name ?? why],
    ['addon', found !== null, found !== null ? `retrace.node, Node ${process.versions.node}` : why],
    [
      'CUDA device',
      has('libretrace_cuda.so'),
      said(configured, 'CUDA device') + (has('libretrace_cuda.so') ? '' : failed),
    ],
    [
      'cuDNN plug-in',
      has('libretrace_cudnn.so'),
      has('libretrace_cudnn.so')
        ? 'libretrace_cudnn.so'
        : `${said(configured, "cuDNN's attention")}${failed}; our own attention is used`,
    ],
    [
      'emulated device',
      has('libretrace_emulated.so'),
      has('libretrace_emulated.so') ? 'libretrace_emulated.so' : `not built${failed}`,
    ],
    ['tests', tests.length > 0, `${tests.length} programs in ${join(basename(build), 'tests')}${failed}`],
    [
      'cuBLASLt',
      cublasLt !== null,
      cublasLt ?? 'not found (RETRACE_CUDA_LIBS can name its folder); our own GEMM is used',
    ],
    ['GPU', cuda?.count > 0, cuda?.count > 0 ? gpus : (cuda?.error ?? 'none')],
  ]
  for (const [name, there, what] of features) console.log(`${there ? '✓' : '✗'} ${name.padEnd(16)} ${what}`)
}

const configured = configure()
console.log(`Building the native engine in ${build} ...`)
const core = make('retrace_engine', ...(/^-- addon: with/m.test(configured) ? ['retrace_addon'] : []))
if (core.status !== 0) stop(`The native engine did not build:\n${outputOf(core)}`)
const whole = make()
const log = join(build, 'build.log')
writeFileSync(log, `${core.stdout}${core.stderr}${whole.stdout}${whole.stderr}`)
removeStale(configured, whole)
if (!existsSync(join(build, 'retrace.node'))) stop(`The addon was not built: ${said(configured, 'addon')}`)
report(configured, whole, log)
