// Mutants of native/: planted in a copy, judged by the compiler, tried by the C++ tests. CUDA's own library is left out:
// nothing here could run it, and its kernels run in the emulated device.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { basename, join, relative, sep } from 'node:path'
import { runUnit } from '../testing/run-unit.mjs'
import { readTimes } from '../testing/units.mjs'
import { faultsOf } from './native-operators.mjs'

const isMutated = (file) => /^native\/(engine|reference|kernels|[^/]+$)/.test(file.split(sep).join('/'))

function run(command, args) {
  const { status, stdout, stderr, error } = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 28 })
  if (error)
    throw new Error(`${command} could not be started: ${error.message}. The room native needs CMake and Ninja.`)
  return { isDone: status === 0, output: stdout + stderr }
}

/** The digest of every object file. */
function digestObjects(build) {
  const objects = readdirSync(build, { recursive: true }).filter((name) => name.endsWith('.o'))
  const digest = (name) =>
    createHash('sha256')
      .update(readFileSync(join(build, name)))
      .digest('hex')
  return objects
    .sort()
    .map((name) => `${name} ${digest(name)}`)
    .join('\n')
}

export async function openNativeRoom(scratch) {
  const build = join(scratch, 'native-build')
  const options = ['-DWITH_CUDA=OFF', '-DWITH_ADDON=OFF']
  const steps = [() => run('cmake', ['-S', join(scratch, 'native'), '-B', build, '-G', 'Ninja', ...options])]
  for (const step of [...steps, () => run('ninja', ['-C', build])]) {
    const { isDone, output } = step()
    if (!isDone) throw new Error(`native/ does not build:\n${output}`)
  }
  const objects = digestObjects(build)

  // Only what is compiled here can be judged.
  const compiled = new Set(
    [...run('ninja', ['-C', build, '-t', 'deps']).output.matchAll(/^ +(\S+)$/gm)]
      .map(([, path]) => relative(scratch, path))
      .filter(isMutated),
  )
  const originals = new Map([...compiled].sort().map((file) => [file, readFileSync(join(scratch, file), 'utf8')]))
  const mutants = [...originals].flatMap(([file, text]) =>
    faultsOf(text).map((fault) => ({
      ...fault,
      file,
      line: text.slice(0, fault.start).split('\n').length,
      before: text.slice(fault.start, fault.end),
    })),
  )

  const times = readTimes()
  const units = readdirSync(join(build, 'tests'))
    .filter((name) => /_test$/.test(name))
    .map((program) => ({
      name: join('native', program),
      args: [join(scratch, 'dist', 'test', 'native', 'program.test.js'), program],
      cwd: scratch,
      env: { ...process.env, RETRACE_NATIVE_DIR: build },
      seconds: times[join('native', program)],
    }))
  const passingUnits = []
  for (const unit of units) if ((await runUnit(unit)).failed === 0) passingUnits.push(unit.name)

  return {
    mutants,
    passingUnits,
    plant({ file, start, end, replacement }) {
      const text = originals.get(file)
      writeFileSync(join(scratch, file), text.slice(0, start) + replacement + text.slice(end))
      if (!run('ninja', ['-C', build]).isDone) return 'does not compile'
      return digestObjects(build) === objects ? 'is the same code' : null
    },
    /** The next mutant's build compiles the file again. */
    remove: ({ file }) => writeFileSync(join(scratch, file), originals.get(file)),
    /** The tests, that of the mutated file first, then the quick ones. */
    unitsFor({ file }) {
      const stem = basename(file).replace(/\.\w+$/, '')
      const cost = ({ name, seconds }) => (basename(name) === `${stem}_test` ? 0 : 1 + (seconds ?? 60))
      return units.filter(({ name }) => passingUnits.includes(name)).sort((a, b) => cost(a) - cost(b))
    },
  }
}
