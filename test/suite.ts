import { inspect } from 'node:util'
import { suite as uvuSuite, type Callback, type Test } from 'uvu'

export type { Test }

// uvu with no failure lost. Alone it prints nothing, leaves out the tests that follow and exits with 0 where an error has
// `details` that are no text (every RetraceError), where what is thrown is no Error, and where a hook `before` fails.

/** The error as uvu can print it: with its own fields and its cause as text. */
function printable(error: unknown): Error {
  if (!(error instanceof Error)) return new Error(`what was thrown is no Error: ${inspect(error)}`)
  const { details } = error as { details?: unknown }
  const isPlain = details === undefined || typeof details === 'boolean' || typeof details === 'string'
  if (isPlain && error.cause === undefined) return error
  const { name, message, stack = `${name}: ${message}\n` } = error
  const fields = { ...error, ...(error.cause === undefined ? {} : { cause: error.cause }) }
  return Object.assign(new Error(message), { name, stack, details: inspect(fields, { depth: 8 }) })
}

/** A suite of uvu whose failures are all printed, and which fails where it is never run. */
export function suite(name?: string): Test {
  const inner = uvuSuite(name)
  let setupFailure: Error | null = null
  let hasFailed = false
  let isWaiting = false

  const guarded = (callback: Callback): Callback => {
    return async (context) => {
      try {
        if (setupFailure !== null) throw setupFailure
        await callback(context)
      } catch (error) {
        // uvu runs the hooks `after.each` of a failed test too, and loses that test where they throw.
        if (hasFailed) return
        hasFailed = true
        throw printable(error)
      }
    }
  }
  const before = (callback: Callback): void => {
    inner.before(async (context) => {
      try {
        if (setupFailure === null) await callback(context)
      } catch (error) {
        setupFailure = printable(error)
      }
    })
  }
  const add = (title: string, callback: Callback): void => {
    isWaiting = true
    inner(title, guarded(callback))
  }
  inner.before.each(() => {
    hasFailed = false
  })
  process.on('exit', () => {
    if (!isWaiting) return
    console.error(`The suite "${name ?? ''}" is never run: its file must call run().`)
    process.exitCode = 1
  })
  return Object.assign(add, {
    only: (title: string, callback: Callback) => inner.only(title, guarded(callback)),
    skip: () => inner.skip(),
    before: Object.assign(before, { each: (callback: Callback) => inner.before.each(guarded(callback)) }),
    after: Object.assign((callback: Callback) => inner.after(callback), {
      each: (callback: Callback) => inner.after.each(guarded(callback)),
    }),
    run: () => {
      isWaiting = false
      inner.run()
    },
  })
}

export const test = suite()
