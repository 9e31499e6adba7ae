// Tries a mutant against tests: it is killed by the first unit that fails with it and passes without it.
import { availableParallelism } from 'node:os'
import { runUnit } from '../testing/run-unit.mjs'

const workers = Math.min(4, availableParallelism())

/** A mutant may run for ever: several times the time of a test is enough. */
function budgetOf(unit) {
  return { idleSeconds: 60, maxCpuSeconds: unit.seconds === undefined ? 300 : Math.max(60, 5 * unit.seconds) }
}

/** Runs units side by side until one fails; gives its result, or null, and takes those that ran from the list. */
async function runUntilOneFails(units) {
  const stop = new AbortController()
  let failure = null
  const worker = async () => {
    for (let unit = units.shift(); unit !== undefined && !stop.signal.aborted; unit = units.shift()) {
      const result = await runUnit(unit, { budget: budgetOf(unit), signal: stop.signal })
      if (result.failed === 0) continue
      if (stop.signal.aborted) units.unshift(unit)
      else {
        failure = { unit, result }
        stop.abort()
      }
    }
  }
  await Promise.all(Array.from({ length: workers }, worker))
  return failure
}

/** What failed, in a few words. */
function describeFailure({ reason, output }) {
  return /^ +FAIL .*?"(.*)"$/m.exec(output)?.[1] ?? reason ?? 'a test failed'
}

/**
 * Whether units fail without a mutant as well, which is found out when they fail with one.
 * @param passingUnits names of units that are known to pass
 */
export function createTrials({ plant, remove, passingUnits }) {
  const passing = new Set(passingUnits)
  const broken = new Set()

  async function isBroken(unit) {
    if (!passing.has(unit.name) && !broken.has(unit.name)) {
      const { failed } = await runUnit(unit)
      ;(failed === 0 ? passing : broken).add(unit.name)
    }
    return broken.has(unit.name)
  }

  /** Who kills a planted mutant, or null where it lives; it is removed afterwards. */
  async function findKiller(mutant, units) {
    const left = units.filter(({ name }) => !broken.has(name))
    for (;;) {
      const failure = await runUntilOneFails(left)
      remove(mutant)
      if (failure === null) return null
      if (!(await isBroken(failure.unit))) return { unit: failure.unit.name, test: describeFailure(failure.result) }
      plant(mutant)
    }
  }
  return { findKiller, broken }
}
