// Runs every test file, each in a process of its own, and closes with `N passed, N failed`.
// A process per file: a leaked handle or a crash then names its file, and cannot hide the others.
// Arguments, where there are any, are parts of names: `npm test -- packing replay engine_test`.
// The environment may hold RETRACE_TEST_IDLE_SECONDS and RETRACE_TEST_CPU_SECONDS, the budget of a file, and
// RETRACE_TEST_FOLDER, a folder of compiled tests to run in place of the project's own.
import { availableParallelism, constants } from 'node:os'
import { join } from 'node:path'
import { root, setup } from './setup.mjs'
import { runUnit } from './testing/run-unit.mjs'
import { describeRun, describeUnit } from './testing/summary.mjs'
import { keepTimes, listUnits, longestFirst } from './testing/units.mjs'

// Leaving ends every process that a running file has started.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
  process.on(signal, () => {
    console.log(`ended by ${signal}`)
    process.exit(128 + constants.signals[signal])
  })
}

const otherFolder = process.env.RETRACE_TEST_FOLDER
if (otherFolder === undefined) setup()
const wanted = process.argv.slice(2)
const units = (await listUnits(otherFolder ?? join(root, 'dist', 'test'))).filter(
  ({ name }) => wanted.length === 0 || wanted.some((part) => name.includes(part)),
)
if (units.length === 0) console.log(`no test file matches ${wanted.join(' ')}`)

const queue = longestFirst(units)
const results = []
const worker = async () => {
  for (let unit = queue.shift(); unit !== undefined; unit = queue.shift()) {
    const result = await runUnit(unit)
    results.push(result)
    console.log(describeUnit(result))
  }
}
await Promise.all(Array.from({ length: Math.min(4, availableParallelism()) }, worker))
if (otherFolder === undefined) keepTimes(results)
const hasFailed = results.length === 0 || results.some(({ failed }) => failed > 0)
process.exitCode = hasFailed ? 1 : 0
console.log(describeRun(results))
