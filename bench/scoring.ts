// How much does sharing the prefix save? One prefix and eight branches, as in a round of the search: computed once and
// shared (A) against scoring every candidate from its first token (B), with the same model, in turn, in one run. The
// backend is onnx: the native engine would find the prefix of A in its cache when B comes.
//
//   node dist/bench/scoring.js [--model DIR] [--prefixes 512,1024,3072] [--repeats 5] [--threads 1] [--json FILE]
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'
import { seededRandom } from '../src/core/index.js'
import { readModelConfig, type LlamaConfig } from '../src/model/index.js'
import { createScorer, type Branch, type Scorer } from '../src/scoring/index.js'
import { machine, show, spread, type Spread } from './measure.js'

const branchCount = 8
const thoughtTokens = 64
const codeTokens = 192

/** Milliseconds of one repeat. */
interface Timing {
  /** B: every branch behind nothing, the prefix's tokens at its head. */
  scratch: number
  /** A: the prefix opened, then all branches. */
  cold: number
  /** The part of A behind the open: what a further round behind the same prefix costs. */
  warm: number
}

interface Row {
  prefixTokens: number
  timings: Timing[]
  cold: Comparison
  warm: Comparison
  /** Branch tokens per second with the prefix open. */
  warmTokensPerSecond: Spread
}

interface Comparison {
  ratio: Spread
  /** What the number of floating-point operations alone allows. */
  arithmetic: number
}

const { values: options } = parseArgs({
  options: {
    model: { type: 'string', default: join(process.env.RETRACE_ROOT ?? process.cwd(), 'models/retrace-small') },
    prefixes: { type: 'string', default: '512,1024,3072' },
    repeats: { type: 'string', default: '5' },
    threads: { type: 'string', default: '1' },
    json: { type: 'string' },
  },
})

async function main(): Promise<void> {
  const config = readModelConfig(options.model)
  const scorer = await createScorer({ backend: 'onnx', modelDir: options.model, threads: Number(options.threads) })
  try {
    describe(scorer, config)
    const rows: Row[] = []
    for (const prefixTokens of options.prefixes.split(',').map(Number)) {
      if (prefixTokens + thoughtTokens + codeTokens > config.contextLength) {
        console.log(`prefix ${prefixTokens}: left out, it does not fit the context of ${config.contextLength} tokens`)
        continue
      }
      const row = await measure(scorer, config, prefixTokens)
      rows.push(row)
      print(row)
    }
    if (options.json !== undefined)
      writeFileSync(options.json, JSON.stringify(report(scorer, config, rows), null, 2) + '\n')
  } finally {
    await scorer.dispose()
  }
}

async function measure(scorer: Scorer, config: LlamaConfig, prefixTokens: number): Promise<Row> {
  await timeOnce(scorer, prefixTokens, 'warm-up')
  const timings: Timing[] = []
  for (let repeat = 0; repeat < Number(options.repeats); repeat++) {
    timings.push(await timeOnce(scorer, prefixTokens, `repeat ${repeat}`))
  }
  const flops = flopsOfRound(config, prefixTokens)
  const branchTokens = branchCount * (thoughtTokens + codeTokens)
  return {
    prefixTokens,
    timings,
    cold: { ratio: spread(timings.map((t) => t.scratch / t.cold)), arithmetic: flops.scratch / flops.cold },
    warm: { ratio: spread(timings.map((t) => t.scratch / t.warm)), arithmetic: flops.scratch / flops.warm },
    warmTokensPerSecond: spread(timings.map((t) => branchTokens / (t.warm / 1000))),
  }
}

/** A and B over the same fresh random tokens. Nothing that one computed is there for the other. */
async function timeOnce(scorer: Scorer, prefixTokens: number, seed: string): Promise<Timing> {
  const random = seededRandom('bench', prefixTokens, seed)
  const draw = (count: number): number[] =>
    Array.from({ length: count }, () => random.below(scorer.model.vocabularySize))
  const prefix = draw(prefixTokens)
  const branches = Array.from({ length: branchCount }, () => draw(thoughtTokens + codeTokens))

  const start = performance.now()
  const opened = await scorer.open(Uint32Array.from(prefix))
  const ready = performance.now()
  await scorer.score(
    opened,
    branches.map((tokens) => toBranch([], tokens)),
  )
  const shared = performance.now()
  scorer.close(opened)

  const nothing = await scorer.open(new Uint32Array(0))
  const scratchStart = performance.now()
  for (const tokens of branches) await scorer.score(nothing, [toBranch(prefix, tokens)])
  const scratch = performance.now() - scratchStart
  scorer.close(nothing)
  return { scratch, cold: shared - start, warm: shared - ready }
}

function toBranch(before: number[], tokens: number[]): Branch {
  const end = before.length + tokens.length
  return { tokens: Uint32Array.from([...before, ...tokens]), scored: [{ start: end - codeTokens, end }] }
}

/**
 * Floating-point operations of one repeat. A multiply-add counts as two.
 *
 * A token costs 2 operations per weight of the layers' matrices, and 4 x heads x head size per layer for every position
 * that it attends to (scores, then weighted values). Each scored token costs 2 x hidden size x vocabulary in the head.
 * A branch's last token is scored and never fed.
 */
function flopsOfRound(config: LlamaConfig, prefixTokens: number): { scratch: number; cold: number; warm: number } {
  const { hiddenSize, intermediateSize, layers, heads, kvHeads, headSize, vocabularySize } = config
  const attentionWeights = hiddenSize * headSize * (2 * heads + 2 * kvHeads)
  const layerWeights = layers * (attentionWeights + 3 * hiddenSize * intermediateSize)
  /** Tokens at positions [start, end). */
  const feed = (start: number, end: number): number => {
    const attended = ((end - start) * (start + end + 1)) / 2
    return 2 * layerWeights * (end - start) + 4 * layers * heads * headSize * attended
  }
  const head = 2 * hiddenSize * vocabularySize * codeTokens
  const end = prefixTokens + thoughtTokens + codeTokens - 1
  const warm = branchCount * (feed(prefixTokens, end) + head)
  return { warm, cold: feed(0, prefixTokens) + warm, scratch: branchCount * (feed(0, end) + head) }
}

function describe(scorer: Scorer, config: LlamaConfig): void {
  const { cpu, cores, memoryGiB, node, platform } = machine()
  const { hiddenSize, layers, heads, kvHeads, vocabularySize } = config
  console.log(
    `machine  ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${platform}, Node ${node}, ${options.threads} thread(s)`,
  )
  console.log(
    `model    ${scorer.model.name} (${scorer.model.digest.slice(0, 12)}), ${scorer.model.dtype}: ${layers} layers, ` +
      `hidden ${hiddenSize}, ${heads} heads (${kvHeads} key-value), vocabulary ${vocabularySize}`,
  )
  console.log(
    `work     ${branchCount} branches of ${thoughtTokens} + ${codeTokens} tokens, ${codeTokens} scored; ` +
      `median [min, max] of ${options.repeats} repeats, A and B in turn`,
  )
  console.log('ratio    time from scratch / time with the prefix shared; "arithmetic" is the same ratio in operations')
}

function print({ prefixTokens, timings, cold, warm, warmTokensPerSecond }: Row): void {
  const ms = (name: keyof Timing): string => show(spread(timings.map((t) => t[name])), 0)
  const line = ({ ratio, arithmetic }: Comparison): string => `${show(ratio, 2)}, arithmetic ${arithmetic.toFixed(2)}`
  console.log(`\nprefix ${prefixTokens} tokens`)
  console.log(`  from scratch                 ${ms('scratch')} ms`)
  console.log(`  shared, prefix opened        ${ms('cold')} ms   ratio ${line(cold)}`)
  console.log(`  shared, prefix open already  ${ms('warm')} ms   ratio ${line(warm)}`)
  console.log(`                               ${show(warmTokensPerSecond, 0)} branch tokens/s`)
}

function report(scorer: Scorer, config: LlamaConfig, rows: Row[]) {
  const work = { branchCount, thoughtTokens, codeTokens, threads: Number(options.threads), timeUnit: 'ms' }
  return { machine: machine(), model: scorer.model, config, work, rows }
}

await main()
