// The units of a test run, and the order in which they start: those that took longest the last time first, so that the
// workers end together.
import { mkdirSync, readFileSync, readdirSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from '../setup.mjs'

const timesFile = join(root, 'build', '.test-times.json') // not in dist, which every compilation makes anew
/** Runs the C++ test program that its argument names: each program is a unit. */
const programFile = join('native', 'program.test.js')

/** Every unit of a folder of compiled tests: its name and the arguments for Node. */
export async function listUnits(folder) {
  const files = readdirSync(folder, { recursive: true }).filter((name) => name.endsWith('.test.js'))
  const units = files.sort().map((name) => ({ name, args: [join(folder, name)] }))
  const programUnit = units.find(({ name }) => name === programFile)
  if (programUnit === undefined) return units
  const { nativePrograms } = await import(pathToFileURL(join(folder, 'native', 'programs.js')).href)
  const programs = nativePrograms().map((program) => ({
    name: join('native', program),
    args: [...programUnit.args, program],
  }))
  // Where no program is built, the file says so.
  return programs.length === 0 ? units : [...units.filter((unit) => unit !== programUnit), ...programs]
}

/** How many seconds each unit took in the last run that had it. */
export function readTimes() {
  try {
    return JSON.parse(readFileSync(timesFile, 'utf8'))
  } catch {
    return {} // there was no run yet
  }
}

/** The units in the order of their start; those without a known time, which may be long, come first. */
export function longestFirst(units) {
  const times = readTimes()
  return [...units].sort((a, b) => (times[b.name] ?? Infinity) - (times[a.name] ?? Infinity) || 0)
}

/** Keeps the times of this run for the next one. */
export function keepTimes(results) {
  const times = readTimes()
  for (const { name, seconds } of results) times[name] = seconds
  mkdirSync(dirname(timesFile), { recursive: true })
  writeFileSync(timesFile, JSON.stringify(times, null, 1))
}
