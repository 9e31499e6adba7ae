// What it costs to start the command line: CPU time of `retrace --version` against that of bare Node, in turn in one run.
// node dist/bench/startup.js [--repeats N] [--out FILE]; Linux alone, since it reads /proc.
import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { machine, show, spread } from './measure.js'

const { values } = parseArgs({ options: { repeats: { type: 'string', default: '21' }, out: { type: 'string' } } })

/** Ticks of user and system time of all children that have ended; a tick is 10 ms, so many starts go into one figure. */
function childTicks(): number {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1]?.split(' ') ?? []
  return Number(fields[13]) + Number(fields[14])
}

const startsPerFigure = 10

/** CPU time of one start, in milliseconds. */
function cpuMs(args: readonly string[]): number {
  const before = childTicks()
  for (let start = 0; start < startsPerFigure; start++) {
    const { status } = spawnSync(process.execPath, args, { stdio: 'ignore' })
    if (status !== 0) throw new Error(`node ${args.join(' ')} ended with ${status}`)
  }
  return ((childTicks() - before) * 10) / startsPerFigure
}

const bare: number[] = []
const version: number[] = []
for (let repeat = 0; repeat < Number(values.repeats); repeat++) {
  bare.push(cpuMs(['-e', '0']))
  version.push(cpuMs([join('bin', 'retrace.mjs'), '--version']))
}
const ratio = spread(version.map((value, index) => value / (bare[index] as number)))
const result = {
  machine: machine(),
  work: { startsPerFigure, repeats: Number(values.repeats), timeUnit: 'ms of CPU time of one start' },
  bareNode: spread(bare),
  retraceVersion: spread(version),
  ratio,
}
console.log(
  `bare node ${show(result.bareNode, 1)} ms, retrace --version ${show(result.retraceVersion, 1)} ms, ratio ${show(ratio, 2)}`,
)
if (values.out !== undefined) writeFileSync(values.out, `${JSON.stringify(result, null, 2)}\n`)
