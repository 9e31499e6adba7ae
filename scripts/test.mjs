// Runs every test file, each in a process of its own, and closes with `N passed, N failed`.
// A process per file: a leaked handle or a crash then names its file, and cannot hide the others.
// Arguments, where there are any, are parts of file names: `npm test -- packing replay`.
import { spawn } from 'node:child_process'
import { readFileSync, readdirSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { root, setup } from './setup.mjs'

const minutesPerFile = 6

setup()
const wanted = process.argv.slice(2)
const files = readdirSync(join(root, 'dist/test'), { recursive: true })
  .filter((name) => name.endsWith('.test.js'))
  .filter((name) => wanted.length === 0 || wanted.some((part) => name.includes(part)))
  .sort()

/** Runs one file; a file that runs no test, hangs or crashes counts as one failure. */
function runFile(name) {
  return new Promise((resolve) => {
    const path = join(root, 'dist/test', name)
    const child = spawn(process.execPath, [path], { cwd: root, env: { ...process.env, NO_COLOR: '1' } })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    const timer = setTimeout(() => child.kill('SIGKILL'), minutesPerFile * 60_000)
    child.on('close', (code, signal) => {
      clearTimeout(timer)
      const count = (label) => Number(new RegExp(`^\\s*${label}:\\s+(\\d+)`, 'm').exec(output)?.[1] ?? 0)
      const [total, passed, skipped] = [count('Total'), count('Passed'), count('Skipped')]
      let failed = total - passed
      if (failed === 0 && (code !== 0 || total + skipped === 0)) failed = 1
      const state = failed > 0 ? 'FAILED' : 'ok'
      console.log(`${state.padEnd(7)}${name}  ${passed} passed${skipped > 0 ? `, ${skipped} skipped` : ''}`)
      const reasons = output.split('\n').filter((line) => /^\s*skipped: /.test(line))
      if (failed > 0) console.log(output + (signal ? `\nended by ${signal}` : ''))
      else if (reasons.length > 0) console.log(reasons.join('\n'))
      resolve({ passed, failed, skipped })
    })
  })
}

const missingRun = files.filter((name) => !/\.run\(\)/.test(readFileSync(join(root, 'dist/test', name), 'utf8')))
for (const name of missingRun) console.log(`FAILED ${name}: it never calls run(), so its tests are not run`)
const results = missingRun.map(() => ({ passed: 0, failed: 1, skipped: 0 }))
const queue = files.filter((name) => !missingRun.includes(name))
await Promise.all(
  Array.from({ length: Math.max(1, Math.min(4, availableParallelism())) }, async () => {
    for (let name = queue.shift(); name !== undefined; name = queue.shift()) results.push(await runFile(name))
  }),
)
const sum = (key) => results.reduce((total, one) => total + one[key], 0)
if (results.length === 0) console.log(`no test file matches ${wanted.join(' ')}`)
process.exitCode = sum('failed') > 0 || sum('passed') + sum('skipped') === 0 ? 1 : 0
if (sum('skipped') > 0) console.log(`${sum('skipped')} skipped, each with its reason above`)
console.log(`${sum('passed')} passed, ${sum('failed')} failed`)
