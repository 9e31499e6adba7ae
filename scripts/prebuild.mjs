// Builds the addon that the package brings with it, prebuilds/<platform>-<arch>/retrace.node: the CPU engine alone, for
// any processor of that kind (AVX-512, AVX2 or neither is chosen at run time) and any Node with Node-API 8.
//
// The C++ library is linked in, since it must not be newer than that of the machine where the addon runs. libgcc_s stays
// shared: Node needs it as well, and the static one asks for a newer glibc. Which glibc is needed is printed.
import { copyFileSync, mkdirSync, readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { configure, make, outputOf, probe, stop } from './native-tools.mjs'
import { root } from './setup.mjs'

const build = join(root, 'build', 'prebuild')
const folder = join(root, 'prebuilds', `${process.platform}-${process.arch}`)
const linkFlags = '-static-libstdc++ -s -Wl,--gc-sections'
const flags = [
  '-DCMAKE_BUILD_TYPE=Release',
  '-DWITH_CUDA=OFF',
  '-DWITH_TESTS=OFF',
  '-DWITH_ADDON=ON',
  // No path of this machine in the file.
  `-DCMAKE_CXX_FLAGS=-ffile-prefix-map=${root}=.`,
  ...(process.platform === 'linux' ? [`-DCMAKE_MODULE_LINKER_FLAGS=${linkFlags}`] : []),
]

/** The newest version of glibc that a symbol of the file asks for; `null` where it asks for none. */
function neededGlibc(path) {
  const versions = readFileSync(path, 'latin1').match(/GLIBC_\d+\.\d+(\.\d+)?(?=\0)/g) ?? []
  const parts = (version) => version.slice('GLIBC_'.length).split('.').map(Number)
  const newer = (a, b) => parts(b)[0] - parts(a)[0] || parts(b)[1] - parts(a)[1]
  return [...new Set(versions)].sort(newer)[0] ?? null
}

configure(build, flags)
const result = make(build, 'retrace_addon')
if (result.status !== 0) stop(`The addon did not build:\n${outputOf(result)}`)
mkdirSync(folder, { recursive: true })
const addon = join(folder, 'retrace.node')
copyFileSync(join(build, 'retrace.node'), addon)
const { found, why } = probe(folder)
if (found === null) stop(`The addon was built and cannot be loaded: ${why}`)
const size = (statSync(addon).size / 2 ** 20).toFixed(1)
console.log(`${addon}: ${size} MiB, needs ${neededGlibc(addon) ?? 'no glibc'}, here ${found.cpu.devices[0].name}`)
