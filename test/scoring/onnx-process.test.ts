import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { createScorer, type Branch, type Scorer } from '../../src/scoring/index.js'
import { rejects } from './contract.js'

const test = suite('onnx process')

const modelDir = join(process.env.RETRACE_ROOT ?? process.cwd(), 'test/scoring/fixtures/tiny-llama')
const library = new URL('../../src/scoring/index.js', import.meta.url).href
const onLinux = process.platform === 'linux'

const numbers = (count: number, step: number): Uint32Array =>
  Uint32Array.from({ length: count }, (_, i) => (i * step) % 512)
const branch = (step: number, count = 40): Branch => ({
  tokens: numbers(count, step),
  scored: [{ start: 10, end: count }],
})

/** Process ids of the scoring processes that this process has started. */
function childIds(parent = process.pid): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((id) => {
      try {
        const [, after] = readFileSync(`/proc/${id}/stat`, 'utf8').split(') ')
        return (
          after?.split(' ')[1] === String(parent) && readFileSync(`/proc/${id}/cmdline`, 'utf8').includes('child.js')
        )
      } catch {
        return false
      }
    })
    .map(Number)
}

async function walk(scorer: Scorer): Promise<number[]> {
  const prefix = await scorer.open(numbers(300, 7))
  const [first] = await scorer.score(prefix, [branch(3)])
  const next = await scorer.commit(prefix, branch(3))
  const scores = await scorer.score(next, [branch(5), branch(11)])
  return [first, ...scores].flatMap((score) => [...score!.logProbs])
}

test('two processes give the same bits', async () => {
  const scorers = await Promise.all([
    createScorer({ backend: 'onnx', modelDir }),
    createScorer({ backend: 'onnx', modelDir }),
  ])
  const [a, b] = await Promise.all(scorers.map(walk))
  await Promise.all(scorers.map((scorer) => scorer.dispose()))
  assert.equal(a, b)
})

test('branches that there is no memory to keep are computed again, counted, with the same bits', async () => {
  const [keeping, forgetting] = await Promise.all([
    createScorer({ backend: 'onnx', modelDir }),
    createScorer({ backend: 'onnx', modelDir, cacheMiB: 0 }),
  ])
  assert.equal(await walk(forgetting), await walk(keeping))
  const [kept, forgotten] = [await keeping.counters(), await forgetting.counters()]
  assert.is(kept.tokensRecomputed, 0)
  assert.is(forgotten.tokensRecomputed, 39)
  assert.is(forgotten.branchTokensComputed - kept.branchTokensComputed, 39)
  await Promise.all([keeping.dispose(), forgetting.dispose()])
})

test('opening tokens that an open prefix begins with counts as computing them again', async () => {
  const scorer = await createScorer({ backend: 'onnx', modelDir })
  await scorer.open(numbers(100, 7))
  await scorer.open(numbers(60, 7))
  assert.equal((await scorer.counters()).tokensRecomputed, 60)
  await scorer.dispose()
})

test('a context of several runs of the model agrees with one committed piece by piece', async () => {
  const scorer = await createScorer({ backend: 'onnx', modelDir })
  const path = numbers(1500, 13)
  const whole = await scorer.open(path)
  let pieces = await scorer.open(path.slice(0, 900))
  for (const [start, end] of [
    [900, 1010],
    [1010, 1100],
    [1100, 1500],
  ] as const) {
    pieces = await scorer.commit(pieces, { tokens: path.slice(start, end), scored: [] })
  }
  const long = branch(3, 500)
  const [[a], [b]] = [await scorer.score(whole, [long]), await scorer.score(pieces, [long])]
  const worst = Math.max(...a!.logProbs.map((value, i) => Math.abs(value - b!.logProbs[i]!)))
  assert.ok(worst < 2e-5, `they differ by ${worst} nats`)
  await scorer.dispose()
})

test('a killed process rejects what is pending and all that follows by its code', async () => {
  if (!onLinux) return void process.stdout.write('skipped: the process id is found in /proc, which only Linux has\n')
  const scorer = await createScorer({ backend: 'onnx', modelDir })
  const prefix = await scorer.open(numbers(300, 7))
  const [id] = childIds()
  const scoring = scorer.score(
    prefix,
    Array.from({ length: 200 }, (_, i) => branch(i, 900)),
  )
  process.kill(id!, 'SIGKILL')
  const error = await rejects(scoring, 'BACKEND_DIED')
  assert.match(error.message, /SIGKILL/)
  await rejects(scorer.score(prefix, [branch(3)]), 'BACKEND_DIED')
  scorer.close(prefix)
  await scorer.dispose()
})

test('disposing ends the process, ends what is pending by its code, and may be done twice', async () => {
  const scorer = await createScorer({ backend: 'onnx', modelDir })
  const prefix = await scorer.open(numbers(300, 7))
  const pending = rejects(
    scorer.score(
      prefix,
      Array.from({ length: 50 }, (_, i) => branch(i, 900)),
    ),
    'ABORTED',
  )
  await scorer.dispose()
  await pending
  await scorer.dispose()
  await rejects(scorer.open(numbers(3, 1)), 'BACKEND_DIED')
  if (onLinux) assert.equal(childIds(), [])
})

test('a program that forgets to dispose ends nevertheless, and its scoring process with it', async () => {
  const program = `
    import { createScorer } from '${library}'
    const scorer = await createScorer({ backend: 'onnx', modelDir: ${JSON.stringify(modelDir)} })
    const prefix = await scorer.open(Uint32Array.of(1, 2, 3))
    console.log('opened', prefix.length)`
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
    timeout: 20_000,
  })
  assert.is(stdout, 'opened 3\n')
})

test('a scoring process ends when the program it serves is killed', async () => {
  if (!onLinux) return void process.stdout.write('skipped: the process id is found in /proc, which only Linux has\n')
  const program = `
    import { createScorer } from '${library}'
    await createScorer({ backend: 'onnx', modelDir: ${JSON.stringify(modelDir)} })
    console.log('ready')
    setInterval(() => {}, 1000)`
  const parent = spawn(process.execPath, ['--input-type=module', '-e', program], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(parent.stdout, 'data')
  const [id] = childIds(parent.pid)
  parent.kill('SIGKILL')
  await waitUntil(() => !isAlive(id!))
})

function isAlive(id: number): boolean {
  try {
    // A process that has ended and that nobody has asked about yet is still listed, as a zombie.
    return !/\) [ZX] /.test(readFileSync(`/proc/${id}/stat`, 'utf8'))
  } catch {
    return false
  }
}

async function waitUntil(condition: () => boolean): Promise<void> {
  for (let waited = 0; waited < 5000; waited += 50) {
    if (condition()) return
    await new Promise((resolve) => setTimeout(resolve, 50))
  }
  assert.unreachable('it did not happen within 5 s')
}

test.run()
