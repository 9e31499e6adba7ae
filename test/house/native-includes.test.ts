import { mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, relative, resolve, sep } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'

/** Who may include whom in `native`. What lies at its top (the device interface) everybody may. */
const allowed: Record<string, string[]> = {
  kernels: [],
  reference: [],
  // The engine knows devices by their interface; the one that is compiled in, by the function that gives it.
  engine: ['reference'],
  addon: ['engine'],
  // Compiles the kernels' sources for the CPU.
  emulator: ['kernels'],
  test: ['kernels', 'reference', 'engine', 'emulator'],
}
/** The vocabularies, where each instruction of the GPU stands twice: for nvcc and, from there, for the emulator. */
const vocabulary = /^kernels\/(\w+_)?vocabulary\.cuh$/
/** Headers of others, and the folders that may know them. */
const foreign: [header: RegExp, folders: string[], what: string][] = [
  [/^(napi|node_api|js_native_api|uv|v8|node)([._-].*)?\.h$/, ['addon'], "Node's headers"],
  [/^(cuda|cublas|cudnn|nvrtc|mma\.h|cub\/|cooperative_groups)/, ['kernels', 'emulator', 'test'], "CUDA's headers"],
]

interface Walk {
  includes: number
  offences: string[]
}

/** Every include of every C++ and CUDA file below `native`, held against the table. */
function walkIncludes(native: string): Walk {
  const walk: Walk = { includes: 0, offences: [] }
  const files = readdirSync(native, { recursive: true, encoding: 'utf8' }).filter((name) =>
    /\.(h|cc|cu|cuh)$/.test(name),
  )
  for (const file of files.sort()) {
    const text = readFileSync(join(native, file), 'utf8')
    for (const [, quote, header] of text.matchAll(/^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]/gm)) {
      walk.includes++
      const offence = judge(native, file, quote === '"', header!)
      if (offence !== null) walk.offences.push(`${file} -> ${header}: ${offence}`)
    }
  }
  return walk
}

function judge(native: string, file: string, isOurs: boolean, header: string): string | null {
  const [folder, ...below] = file.split(sep)
  const room = below.length === 0 ? null : folder!
  for (const [pattern, folders, what] of foreign) {
    if (pattern.test(header) && !(room !== null && folders.includes(room)))
      return `${what} belong to ${folders.join(', ')}`
  }
  if (!isOurs) return null
  const target = relative(native, resolve(dirname(join(native, file)), header)).split(sep)
  if (target[0] === '..') return 'reaches out of native'
  if (target.length === 1) return null
  if (room === null) return 'what everybody includes may include no folder'
  if (!(room in allowed)) return `folder ${room} is not in the table`
  if (target[0] === 'emulator' && vocabulary.test(file.split(sep).join('/'))) return null
  return target[0] === room || allowed[room]!.includes(target[0]!) ? null : `${room} may not include ${target[0]}`
}

const test = suite('native includes')

test('every include in native is an edge of the table', () => {
  const { includes, offences } = walkIncludes(join(process.env.RETRACE_ROOT ?? process.cwd(), 'native'))
  assert.equal(offences, [])
  assert.ok(includes > 100, `the walk saw only ${includes} includes`)
})

test('an offence of each kind is found', () => {
  const native = mkdtempSync(join(tmpdir(), 'retrace-includes-'))
  const plant = (path: string, text: string): void => {
    mkdirSync(dirname(join(native, path)), { recursive: true })
    writeFileSync(join(native, path), text)
  }
  plant('addon/a.cc', '#include <napi.h>\n#include "../engine/e.h"\n#include "../reference/r.h"\n')
  plant('engine/b.h', '#include <node_api.h>\n#include "../device.h"\n#  include "../kernels/launchers.h"\n')
  plant('engine/c.cc', '#include <cuda_runtime_api.h>\n#include "../reference/r.h"\n')
  plant('reference/d.cc', '#include <cublasLt.h>\n#include "../engine/e.h"\n')
  plant('kernels/f.cu', '#include <cuda_runtime.h>\n#include "../../src/g.h"\n')
  plant('kernels/vocabulary.cuh', '#include "../emulator/instructions.h"\n')
  plant('kernels/other.cuh', '#include "../emulator/instructions.h"\n')
  plant('device.h', '#include <stdint.h>\n#include "engine/e.h"\n')
  plant('attic/h.cc', '#include "../engine/e.h"\n')
  const { offences, includes } = walkIncludes(native)
  assert.is(includes, 17)
  assert.equal(
    offences.map((line) => line.slice(line.indexOf(': ') + 2)),
    [
      'addon may not include reference',
      'folder attic is not in the table',
      'what everybody includes may include no folder',
      "Node's headers belong to addon",
      'engine may not include kernels',
      "CUDA's headers belong to kernels, emulator, test",
      'reaches out of native',
      'kernels may not include emulator',
      "CUDA's headers belong to kernels, emulator, test",
      'reference may not include engine',
    ],
  )
})

test.run()
