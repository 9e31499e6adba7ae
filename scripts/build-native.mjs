// Builds the native engine into build/native, or into RETRACE_NATIVE_DIR, and prints what there is of it: one line per
// feature, with a tick or a cross. The engine and the addon must build. The part for CUDA is built where there is an nvcc,
// and left out with its reason where there is none. Arguments go to CMake:
//   npm run build:native -- -DWITH_TESTS=OFF -DCUDA_HOME=/opt/cuda
// `retrace build-native` runs this program too, also from an installed package.
import { existsSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { configure, make, outputOf, probe, run, stop } from './native-tools.mjs'
import { root } from './setup.mjs'

const build = process.env.RETRACE_NATIVE_DIR || join(root, 'build', 'native')
// A package brings the sources of the engine without those of its tests.
const hasTests = existsSync(join(root, 'native', 'test'))
const cmakeArguments = [...(hasTests ? [] : ['-DWITH_TESTS=OFF']), ...process.argv.slice(2)]

/** What CMake reported of a feature. */
function reported(configured, feature) {
  return new RegExp(`^-- ${feature}: (.*)$`, 'm').exec(configured)?.[1] ?? 'not configured'
}

/** The features that may be left out, by CMake's name for them: the target and its library. */
const optional = {
  'CUDA device': ['retrace_cuda', 'libretrace_cuda.so'],
  "cuDNN's attention": ['retrace_cudnn', 'libretrace_cudnn.so'],
}

/** Removes libraries of an earlier build that this one did not make: they would be opened, and are of other sources. */
function removeStale(configured, whole) {
  for (const [feature, [target, library]] of Object.entries(optional)) {
    const leftOut = reported(configured, feature).startsWith('not ')
    if (leftOut || (whole.status !== 0 && make(build, target).status !== 0))
      rmSync(join(build, library), { force: true })
  }
  for (const name of testPrograms()) {
    if (!existsSync(join(root, 'native', 'test', `${name}.cc`))) rmSync(join(build, 'tests', name))
  }
}

function testPrograms() {
  const folder = join(build, 'tests')
  return existsSync(folder) ? readdirSync(folder).filter((name) => /_test$/.test(name)) : []
}

/** The cuBLASLt that the engine would open: that of the CUDA version it was built with. */
function findCublasLt(cudaVersion) {
  const name = ['libcublasLt.so', ...(cudaVersion === undefined ? [] : [parseInt(cudaVersion, 10)])].join('.')
  const folders = [...(process.env.RETRACE_CUDA_LIBS ?? '').split(':'), '/usr/local/cuda/lib64'].filter(
    (name) => name !== '',
  )
  const folder = folders.find((path) => existsSync(join(path, name)))
  if (folder !== undefined) return join(folder, name)
  const known = (run('ldconfig', ['-p']).stdout ?? '').split('\n').map((line) => line.split(' => ')[1] ?? '')
  return known.find((path) => basename(path) === name) ?? null
}

function report(configured, whole, log) {
  const has = (file) => existsSync(join(build, file))
  const tests = testPrograms()
  const failed = whole.status === 0 ? '' : `, a part failed: see ${log}`
  const testFeatures = () => [
    [
      'emulated device',
      has('libretrace_emulated.so'),
      has('libretrace_emulated.so') ? 'libretrace_emulated.so' : `not built${failed}`,
    ],
    ['tests', tests.length > 0, `${tests.length} programs in ${join(basename(build), 'tests')}${failed}`],
  ]
  const { found, why } = probe(build)
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
      reported(configured, 'CUDA device') + (has('libretrace_cuda.so') ? '' : failed),
    ],
    [
      'cuDNN plug-in',
      has('libretrace_cudnn.so'),
      has('libretrace_cudnn.so')
        ? 'libretrace_cudnn.so'
        : `${reported(configured, "cuDNN's attention")}${failed}; our own attention is used`,
    ],
    ...(hasTests ? testFeatures() : []),
    [
      'cuBLASLt',
      cublasLt !== null,
      cublasLt ?? 'not found (RETRACE_CUDA_LIBS can name its folder); our own GEMM is used',
    ],
    ['GPU', cuda?.count > 0, cuda?.count > 0 ? gpus : (cuda?.error ?? 'none')],
  ]
  for (const [name, there, what] of features) console.log(`${there ? '✓' : '✗'} ${name.padEnd(16)} ${what}`)
}

const configured = configure(build, cmakeArguments)
console.log(`Building the native engine in ${build} ...`)
const core = make(build, 'retrace_engine', ...(/^-- addon: with/m.test(configured) ? ['retrace_addon'] : []))
if (core.status !== 0) stop(`The native engine did not build:\n${outputOf(core)}`)
const whole = make(build)
const log = join(build, 'build.log')
writeFileSync(log, `${core.stdout}${core.stderr}${whole.stdout}${whole.stderr}`)
removeStale(configured, whole)
if (!existsSync(join(build, 'retrace.node'))) stop(`The addon was not built: ${reported(configured, 'addon')}`)
report(configured, whole, log)
