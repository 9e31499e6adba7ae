// What building the native engine and prebuilding it have in common. Plain JavaScript: nothing need be compiled.
import { spawnSync } from 'node:child_process'
import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { root, setup } from './setup.mjs'

/** Exit code of a build that failed, and of one for which a tool is missing. */
const exitFailed = 1
const exitToolsMissing = 2

export function run(command, args, options = {}) {
  return spawnSync(command, args, { cwd: root, encoding: 'utf8', maxBuffer: 1 << 28, ...options })
}

export const isThere = (command) => run(command, ['--version']).error === undefined

/** Ends the program with a message for people. */
export function stop(message, exitCode = exitFailed) {
  console.error(message)
  process.exit(exitCode)
}

/** The output of a failed step, from its first error on where one can be found. */
export function outputOf({ stdout, stderr, error }) {
  const lines = `${stdout ?? ''}${stderr ?? ''}${error?.message ?? ''}`.split('\n')
  const first = lines.findIndex((line) => /\berror:|^FAILED|CMake Error|\*\*\* \[/.test(line))
  return lines
    .slice(Math.max(0, first - 2))
    .slice(0, 60)
    .join('\n')
}

/** Ends the program with the next step where CMake, a compiler or the headers of Node's interface are missing. */
export function requireTools() {
  const compiler = process.env.CXX ?? ['c++', 'g++', 'clang++'].find(isThere)
  const missing = !isThere('cmake') ? 'cmake' : compiler === undefined || !isThere(compiler) ? 'compiler' : null
  if (missing !== null) {
    const message =
      `The native engine needs CMake 3.18 and a C++17 compiler, and here there is no ${missing}. ` +
      'Install cmake and g++, or score with the backend "onnx".'
    stop(message, exitToolsMissing)
  }
  if (hasHeaders()) return
  // A checkout installs its packages; an installed package was installed with them.
  if (existsSync(join(root, 'package-lock.json'))) setup()
  else stop('node-addon-api and node-api-headers are not installed. Install retrace again.', exitToolsMissing)
}

function hasHeaders() {
  const { resolve } = createRequire(join(root, 'package.json'))
  try {
    return ['node-addon-api', 'node-api-headers'].every((name) => resolve(`${name}/package.json`) !== '')
  } catch {
    return false
  }
}

/** Configures `native/` in a folder. @returns the output of CMake */
export function configure(folder, args) {
  requireTools()
  const generator = isThere('ninja') && !existsSync(join(folder, 'CMakeCache.txt')) ? ['-G', 'Ninja'] : []
  const result = run('cmake', ['-S', join(root, 'native'), '-B', folder, ...generator, ...args])
  if (result.status !== 0) stop(`CMake could not configure the native engine:\n${outputOf(result)}`)
  return result.stdout
}

/** Builds targets, or all of them where none is named. Goes on after a failure where it can. */
export function make(folder, ...targets) {
  const named = targets.flatMap((target) => ['--target', target])
  const keepGoing = existsSync(join(folder, 'build.ninja')) ? ['-k', '0'] : ['-k']
  const jobs = String(Math.max(1, availableParallelism()))
  return run('cmake', ['--build', folder, '--parallel', jobs, ...named, '--', ...keepGoing])
}

/** Asks the addon in a folder what its devices find here, in a process of its own: a broken addon then breaks nothing. */
export function probe(folder) {
  const program = `
    const addon = require(${JSON.stringify(join(folder, 'retrace.node'))})
    addon.probe().then((json) => process.stdout.write(json))`
  const result = run(process.execPath, ['-e', program], { timeout: 60_000 })
  if (result.status === 0) return { found: JSON.parse(result.stdout), why: null }
  const errors = outputOf(result).trim().split('\n')
  return { found: null, why: errors.find((line) => /error/i.test(line)) ?? 'it crashed' }
}
