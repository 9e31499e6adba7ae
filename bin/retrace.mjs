#!/usr/bin/env node
// The command `retrace`: starts the compiled command line, and says what to do where a checkout is not compiled yet.
import { existsSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const main = new URL('../dist/src/cli/main.js', import.meta.url)

if (existsSync(main)) {
  await import(main.href)
} else {
  const folder = fileURLToPath(new URL('..', import.meta.url))
  console.error(`retrace: not built yet. Run "npm run build" in ${folder}, then the same command again.`)
  process.exitCode = 2
}
