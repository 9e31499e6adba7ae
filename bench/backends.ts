// How do two backends compare over the same work? One prefix and eight branches, as in a round of the search: opened and
// scored by A (native, CPU reference) and B (onnx), in turn, in one run, over the same fresh random tokens.
//
//   node dist/bench/backends.js [--model DIR] [--prefix 2048] [--repeats 7] [--threads 1,2] [--device cpu] [--json FILE]
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { seededRandom } from '../src/core/index.js'
import { createScorer, type Branch, type Scorer } from '../src/scoring/index.js'
import { machine, show, spread, type Spread } from './measure.js'

const branchCount = 8
const thoughtTokens = 64
const codeTokens = 192

/** Milliseconds: opening the prefix, and scoring all branches behind it. */
interface Timing {
  open: number
  score: number
}

const { values: options } = parseArgs({
  options: {
    model: { type: 'string', default: join(process.env.RETRACE_ROOT ?? process.cwd(), 'models/retrace-small') },
    prefix: { type: 'string', default: '2048' },
    repeats: { type: 'string', default: '7' },
    threads: { type: 'string', default: '1,2' },
    device: { type: 'string', default: 'cpu' },
    json: { type: 'string' },
  },
})

async function main(): Promise<void> {
  const { cpu, cores, memoryGiB, node, platform } = machine()
  console.log(`machine  ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${platform}, Node ${node}`)
  console.log(
    `work     prefix ${options.prefix}, ${branchCount} branches of ${thoughtTokens} + ${codeTokens} tokens, ` +
      `${codeTokens} scored; median [min, max] of ${options.repeats} repeats, A and B in turn`,
  )
  const rows = []
  for (const threads of options.threads.split(',').map(Number)) rows.push(await compare(threads))
  if (options.json !== undefined) {
    const work = { prefixTokens: Number(options.prefix), branchCount, thoughtTokens, codeTokens, timeUnit: 'ms' }
    writeFileSync(options.json, JSON.stringify({ machine: machine(), work, rows }, null, 2) + '\n')
  }
}

async function compare(threads: number) {
  const device = options.device as 'cpu' | 'cuda'
  const native = await createScorer({ backend: 'native', device, modelDir: options.model, threads })
  const onnx = await createScorer({ backend: 'onnx', modelDir: options.model, threads })
  try {
    const timings: { native: Timing; onnx: Timing; worstDifference: number }[] = []
    for (let repeat = -1; repeat < Number(options.repeats); repeat++) {
      const { prefix, branches } = draw(native, `${threads}/${repeat}`)
      const a = await timeOnce(native, prefix, branches)
      const b = await timeOnce(onnx, prefix, branches)
      const worstDifference = Math.max(...a.values.map((value, i) => Math.abs(value - (b.values[i] as number))))
      // The first repeat warms up.
      if (repeat >= 0) timings.push({ native: a.timing, onnx: b.timing, worstDifference })
    }
    const ratio = (part: keyof Timing): Spread => spread(timings.map((t) => t.native[part] / t.onnx[part]))
    const row = {
      threads,
      native: { device: native.model.device, score: spread(timings.map((t) => t.native.score)) },
      onnx: { device: onnx.model.device, score: spread(timings.map((t) => t.onnx.score)) },
      scoreRatio: ratio('score'),
      openRatio: ratio('open'),
      worstDifferenceNats: Math.max(...timings.map((t) => t.worstDifference)),
    }
    console.log(`\n${threads} thread(s)   A ${row.native.device}   B ${row.onnx.device}`)
    console.log(`  scoring  A ${show(row.native.score, 0)} ms   B ${show(row.onnx.score, 0)} ms`)
    console.log(`  A / B    scoring ${show(row.scoreRatio, 2)}   opening the prefix ${show(row.openRatio, 2)}`)
    console.log(`  they differ by at most ${row.worstDifferenceNats.toExponential(1)} nats a token`)
    return row
  } finally {
    await native.dispose()
    await onnx.dispose()
  }
}

function draw(scorer: Scorer, seed: string): { prefix: Uint32Array; branches: Branch[] } {
  const random = seededRandom('backends', seed)
  const tokens = (count: number): Uint32Array =>
    Uint32Array.from({ length: count }, () => random.below(scorer.model.vocabularySize))
  const length = thoughtTokens + codeTokens
  const scored = [{ start: thoughtTokens, end: length }]
  return {
    prefix: tokens(Number(options.prefix)),
    branches: Array.from({ length: branchCount }, () => ({ tokens: tokens(length), scored })),
  }
}

async function timeOnce(scorer: Scorer, tokens: Uint32Array, branches: Branch[]) {
  const start = performance.now()
  const prefix = await scorer.open(tokens)
  const opened = performance.now()
  const scores = await scorer.score(prefix, branches)
  const scored = performance.now()
  scorer.close(prefix)
  const values = scores.flatMap(({ logProbs }) => [...logProbs])
  return { timing: { open: opened - start, score: scored - opened }, values }
}

await main()
