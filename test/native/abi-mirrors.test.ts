import { spawnSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import ts from 'typescript'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { compiledLayouts, readHeader, type Kind, type Layouts } from './c-header.js'

// The two C interfaces are written once, in their headers, and mirrored by hand in Python (scripts/gpu) and, through the
// addon, in TypeScript. A mirror that has drifted reads other memory than was written: here it is a failed test.
const root = process.env.RETRACE_ROOT ?? process.cwd()
const headerPaths = ['native/engine/retrace_engine.h', 'native/device.h'].map((path) => join(root, path))
const headers = headerPaths.map(readHeader)
const read = (path: string): string => readFileSync(join(root, path), 'utf8')

const works = (command: string): boolean => spawnSync(command, ['--version']).status === 0
const compiler = [process.env.CXX, 'c++', 'g++', 'clang++'].find((name) => name !== undefined && works(name))
const venv = join(root, '.venv/bin/python')
const python = [process.env.RETRACE_PYTHON, existsSync(venv) ? venv : undefined, 'python3'].find(
  (name) => name !== undefined && works(name),
)

/** Which struct each class of the Python mirrors. */
const structOf: Record<string, string> = {
  CError: 'retrace_error',
  CTensor: 'retrace_tensor',
  COptions: 'retrace_engine_options',
  CBranch: 'retrace_branch',
  Counters: 'retrace_counters',
  CDeviceError: 'retrace_device_error',
  CShape: 'retrace_shape',
  CDeviceOptions: 'retrace_device_options',
  CFacts: 'retrace_device_facts',
  CWeight: 'retrace_weight',
  CSegment: 'retrace_segment',
  CTile: 'retrace_tile',
  CPlan: 'retrace_attention_plan',
  CApi: 'retrace_device_api',
}

const pythonTest = suite('the C interfaces in Python')
const noPython =
  compiler === undefined ? 'there is no C++ compiler' : python === undefined ? 'there is no Python' : null
const name = 'structs, constants and calls of the GPU check are those of the headers'
if (noPython !== null) {
  process.stdout.write(`skipped: ${name}: ${noPython}\n`)
  pythonTest.skip(name)
} else {
  pythonTest(name, () => {
    const found = spawnSync(python!, [join(root, 'test/native/python_abi.py'), root], { encoding: 'utf8' })
    assert.is(found.status, 0, found.stderr)
    const mirror = JSON.parse(found.stdout) as {
      structs: Layouts
      constants: Record<string, number>
      calls: Record<string, Kind[]>
    }
    const truth = compiledLayouts(compiler!, headerPaths, headers)

    assert.equal(Object.keys(mirror.structs).sort(), Object.keys(structOf).sort())
    for (const [name, layout] of Object.entries(mirror.structs))
      assert.equal(layout, truth.structs[structOf[name]!], `${name} is not ${structOf[name]}`)

    const { 'BF16 of device_abi': bf16, ...constants } = mirror.constants
    assert.is(bf16, truth.constants['RETRACE_BF16'])
    for (const [name, value] of Object.entries(constants)) assert.is(value, truth.constants[name], name)

    const functions = headers[0]!.functions
    assert.ok(functions.size >= 11, `only ${functions.size} functions were seen in the header`)
    assert.equal(Object.fromEntries([...functions].sort()), Object.fromEntries(Object.entries(mirror.calls).sort()))
  })
}
pythonTest.run()

const typescript = suite('the addon in TypeScript')

/** The members of an interface: the names of those that are functions with how many arguments, of the others with null. */
function membersOf(name: string): Record<string, number | null> {
  const path = 'src/scoring/backends/native/addon-types.ts'
  const file = ts.createSourceFile(path, read(path), ts.ScriptTarget.Latest)
  const found = file.statements.find(
    (node): node is ts.InterfaceDeclaration => ts.isInterfaceDeclaration(node) && node.name.text === name,
  )
  return Object.fromEntries(
    found!.members.map((member) => [
      (member.name as ts.Identifier).text,
      ts.isMethodSignature(member) ? member.parameters.length : null,
    ]),
  )
}

const addon = read('native/addon/addon.cc')

typescript('it offers the functions that the types name, with as many arguments', () => {
  const offered = [...addon.matchAll(/offer<\w+>\(exports, "(\w+)"\)/g)].map(([, name]) => name!)
  const { abi, ...functions } = membersOf('NativeAddon')
  assert.is(abi, null)
  assert.equal([...offered].sort(), Object.keys(functions).sort())
  // Each function's comment is its signature: `// open(scorer, tokens)`.
  for (const name of offered) {
    const signature = new RegExp(`^// ${name}\\(([^)]*)\\)`, 'm').exec(addon)
    assert.ok(signature, `addon.cc has no signature of ${name}`)
    const args = signature[1]!.split(',').filter((argument) => argument.trim() !== '')
    assert.is(functions[name], args.length, name)
  }
})

typescript('it reads the options that the types name, and gives the counters of the engine', () => {
  const options = [...read('native/addon/arguments.cc').matchAll(/read_(?:text|whole)\(env, object, "(\w+)"/g)]
  assert.equal(options.map(([, name]) => name!).sort(), Object.keys(membersOf('NativeOptions')).sort())
  const camel = (name: string): string => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase())
  const counters = headers[0]!.structs.get('retrace_counters')!.map(({ name }) => camel(name))
  assert.equal(Object.keys(membersOf('NativeCounters')), counters)
  const given = [...addon.matchAll(/\{"(\w+)", total\.(\w+)\}/g)]
  assert.equal(
    given.map(([, name]) => name),
    counters,
  )
  for (const [, name, field] of given) assert.is(camel(field!), name)
})

typescript('both sides have the same number of the interface', () => {
  const native = /kAddonAbi = (\d+)/.exec(addon)?.[1]
  const expected = /expectedAbi = (\d+)/.exec(read('src/scoring/backends/native/load-addon.ts'))?.[1]
  assert.ok(native !== undefined && native === expected, `${native} and ${expected}`)
})

typescript.run()
