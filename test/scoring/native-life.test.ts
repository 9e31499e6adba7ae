import { execFile } from 'node:child_process'
import { cpSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import * as assert from 'uvu/assert'
import type { NativeAddon } from '../../src/scoring/backends/native/addon-types.js'
import { loadAddon } from '../../src/scoring/backends/native/load-addon.js'
import { reviveNativeError } from '../../src/scoring/backends/native/native-error.js'
import { ModelError } from '../../src/model/index.js'
import { createScorer, type Branch, type Scorer } from '../../src/scoring/index.js'
import { rejects } from './contract.js'
import { library, suiteUnless, tinyLlama, whyNoNative } from './native-support.js'

const make = (cacheMiB?: number): Promise<Scorer> =>
  createScorer({
    backend: 'native',
    device: 'cpu',
    modelDir: tinyLlama,
    ...(cacheMiB === undefined ? {} : { cacheMiB }),
  })
const numbers = (count: number, step: number): Uint32Array =>
  Uint32Array.from({ length: count }, (_, i) => (i * step + step) % 512)
const branch = (step: number, count = 40): Branch => ({
  tokens: numbers(count, step),
  scored: [{ start: 10, end: count }],
})
/** Work that is still under way when the next line runs: tens of thousands of tokens. */
const longWork = (count = 60): Branch[] => Array.from({ length: count }, (_, i) => branch(i + 1, 900))

/** Runs a program in a process of its own; `native()` in it makes a scorer. */
function runProgram(
  text: string,
  args: string[] = [],
): Promise<{ code: number | string; stdout: string; stderr: string }> {
  const head = `
    import { createScorer } from '${library}'
    const modelDir = ${JSON.stringify(tinyLlama)}
    const native = (more = {}) => createScorer({ backend: 'native', device: 'cpu', modelDir, ...more })
    const numbers = (count, step) => Uint32Array.from({ length: count }, (_, i) => (i * step + step) % 512)
    const branch = (step, count = 40) => ({ tokens: numbers(count, step), scored: [{ start: 10, end: count }] })
    const longWork = (count = 60) => Array.from({ length: count }, (_, i) => branch(i + 1, 900))\n`
  return new Promise((resolve) => {
    const argv = [...args, '--input-type=module', '-e', head + text]
    execFile(process.execPath, argv, { timeout: 120_000 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : (error.signal ?? error.code ?? 1), stdout, stderr })
    })
  })
}

suiteUnless(whyNoNative, 'native, jobs', (test) => {
  test('two thousand calls at once are all answered, each with its own answer', async () => {
    const scorer = await make()
    const prefix = await scorer.open(numbers(100, 7))
    const kinds = Array.from({ length: 10 }, (_, i) => branch(i + 1))
    const expected = await scorer.score(prefix, kinds)
    const answers = await Promise.all(
      Array.from({ length: 2000 }, (_, i) => scorer.score(prefix, [kinds[i % 10]!]).then(([score]) => score!.logProbs)),
    )
    answers.forEach((logProbs, i) => assert.equal(logProbs, expected[i % 10]!.logProbs))
    await scorer.dispose()
  })

  test('calls past the bound of the queue are refused by their code, and the others answered', async () => {
    const addon = loadAddon()
    const scorer = await addon.load({ modelDir: tinyLlama, device: 'cpu', maxQueuedJobs: 5 })
    const jobs = Array.from({ length: 50 }, (_, i) => addon.open(scorer, numbers(500, i + 1)).promise)
    const settled = await Promise.allSettled(jobs)
    const refused = settled.filter((job) => job.status === 'rejected').map((job) => reviveNativeError(job.reason))
    assert.ok(refused.length >= 40 && refused.length < 50, `${refused.length} were refused`)
    for (const error of refused) {
      assert.is(error.code, 'QUEUE_FULL')
      assert.equal(error.details, { needed: 6, available: 5 })
      assert.match(error.message, /Await earlier calls/)
    }
    await addon.dispose(scorer)
  })

  test('the event loop goes on while a model is loaded and while it computes', async () => {
    let turns = 0
    const count = (): void => {
      turns++
      loop = setImmediate(count)
    }
    let loop = setImmediate(count)
    const scorer = await make()
    const prefix = await scorer.open(numbers(100, 7))
    const before = turns
    await scorer.score(prefix, longWork(8))
    clearImmediate(loop)
    assert.ok(before > 0 && turns > before + 10, `${before} turns while loading, ${turns - before} while scoring`)
    await scorer.dispose()
  })

  test('aborting ends the call under way and, at once, one that waits behind it', async () => {
    const scorer = await make()
    const prefix = await scorer.open(numbers(100, 7))
    const ended: string[] = []
    const [stopLong, stopWaiting] = [new AbortController(), new AbortController()]
    const long = rejects(scorer.score(prefix, longWork(), stopLong.signal), 'ABORTED').then(() => ended.push('long'))
    const waiting = rejects(scorer.score(prefix, [branch(3)], stopWaiting.signal), 'ABORTED').then(() =>
      ended.push('waiting'),
    )
    stopWaiting.abort()
    await waiting
    stopLong.abort()
    await long
    assert.equal(ended, ['waiting', 'long'])
    assert.is((await scorer.score(prefix, [branch(3)])).length, 1)
    await scorer.dispose()
  })

  test('disposing ends what is pending by its code, and may be done twice', async () => {
    const scorer = await make()
    const prefix = await scorer.open(numbers(100, 7))
    const pending = [longWork(), [branch(3)]].map((branches) => rejects(scorer.score(prefix, branches), 'ABORTED'))
    await scorer.dispose()
    await Promise.all(pending)
    await scorer.dispose()
    await rejects(scorer.open(numbers(3, 1)), 'BACKEND_DIED')
    scorer.close(prefix)
  })

  test('scorers of one model share its engine and its cache, and each closes only its own prefixes', async () => {
    const addon = loadAddon()
    const options = { modelDir: tinyLlama, device: 'cpu' } as const
    const [first, second] = [
      await addon.load(options),
      await addon.load({ ...options, modelDir: `${tinyLlama}/../tiny-llama` }),
    ]
    const apart = await addon.load({ ...options, threads: 2 })
    await addon.open(first, numbers(300, 7)).promise
    const kept = await addon.open(second, numbers(300, 7)).promise
    const openIn = async (scorer: typeof first): Promise<number> =>
      (JSON.parse(await addon.describe(scorer).promise) as { openPrefixes: number }).openPrefixes
    assert.equal([await openIn(first), await openIn(second), await openIn(apart)], [2, 2, 0])
    assert.equal(
      [addon.counters(first), addon.counters(second)].map((all) => all.prefixTokensComputed),
      [300, 0],
    )
    await addon.dispose(first)
    assert.is(await openIn(second), 1)
    assert.is((await addon.score(second, kept, numbers(2, 1), ...oneBranch).promise).length, 1)
    await addon.audit(second).promise
    await Promise.all([addon.dispose(second), addon.dispose(apart)])
  })

  test('a scorer that is made while the last one of its model is disposed of works', async () => {
    for (let round = 0; round < 20; round++) {
      const scorer = await make()
      void scorer.dispose()
    }
    const scorer = await make()
    assert.is((await scorer.open(numbers(10, 3))).length, 10)
    await scorer.dispose()
  })

  test('a prefix of another scorer is refused by its code', async () => {
    const [first, second] = [await make(), await make()]
    const prefix = await first.open(numbers(10, 3))
    await rejects(second.score(prefix, [branch(3)]), 'PREFIX_CLOSED')
    await Promise.all([first.dispose(), second.dispose()])
  })
}).run()

/** One branch of two tokens, the second of which is scored. */
const oneBranch = [Uint32Array.of(2), Uint32Array.of(1), Uint32Array.of(1, 2)] as const

suiteUnless(whyNoNative, 'native, the end of threads and processes', (test) => {
  test('worker threads that end with work under way harm neither the process nor its own scorer', async () => {
    const { code, stdout, stderr } = await runProgram(`
      import { Worker } from 'node:worker_threads'
      import { once } from 'node:events'
      const scorer = await native()
      const prefix = await scorer.open(numbers(100, 7))
      const score = async () => (await scorer.score(prefix, [branch(3)]))[0].logProbs.join()
      const before = await score()
      const text = \`
        import { createScorer } from '${library}'
        import { parentPort } from 'node:worker_threads'
        const scorer = await createScorer(\${JSON.stringify({ backend: 'native', device: 'cpu', modelDir })})
        const prefix = await scorer.open(Uint32Array.from({ length: 50 }, (_, i) => i))
        const branches = Array.from({ length: 40 }, (_, k) => ({
          tokens: Uint32Array.from({ length: 800 }, (_, i) => (i * k) % 512), scored: [{ start: 5, end: 800 }] }))
        for (let i = 0; i < 20; i++) scorer.score(prefix, branches)
        parentPort.postMessage('busy')\`
      for (let i = 0; i < 20; i++) {
        const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(text)))
        await once(worker, 'message')
        await worker.terminate()
      }
      if (await score() !== before) throw new Error('other scores than before')
      await scorer.dispose()
      console.log('all well')`)
    assert.equal([code, stdout], [0, 'all well\n'], stderr)
  })

  test('an addon that only worker threads have loaded outlives them', async () => {
    const { code, stdout, stderr } = await runProgram(`
      import { Worker } from 'node:worker_threads'
      import { once } from 'node:events'
      const text = \`
        import { createScorer } from '${library}'
        import { parentPort } from 'node:worker_threads'
        const scorer = await createScorer(\${JSON.stringify({ backend: 'native', device: 'cpu', modelDir })})
        const prefix = await scorer.open(Uint32Array.from({ length: 1500 }, (_, i) => i % 512))
        for (let i = 0; i < 20; i++) scorer.open(Uint32Array.from({ length: 1500 }, (_, k) => (i * k) % 512))
        parentPort.postMessage('busy')\`
      for (let i = 0; i < 5; i++) {
        const worker = new Worker(new URL('data:text/javascript,' + encodeURIComponent(text)))
        await once(worker, 'message')
        await worker.terminate()
      }
      console.log('all well')`)
    assert.equal([code, stdout], [0, 'all well\n'], stderr)
  })

  for (const [when, work] of [
    [
      'work under way',
      'const p = await scorer.open(numbers(9, 3)); scorer.score(p, longWork()); scorer.score(p, longWork())',
    ],
    ['nothing under way', 'await scorer.open(numbers(9, 3))'],
    ['a model being loaded', 'native({ threads: 2 }).catch(() => {}); await new Promise((done) => setImmediate(done))'],
  ]) {
    test(`process.exit with ${when} ends with the code that was asked for`, async () => {
      const { code, stderr } = await runProgram(`const scorer = await native()\n${work}\nprocess.exit(7)`)
      assert.equal([code, stderr], [7, ''])
    })
  }

  test('a program that forgets to dispose ends nevertheless', async () => {
    const { code, stdout, stderr } = await runProgram(`
      const scorer = await native()
      const prefix = await scorer.open(Uint32Array.of(1, 2, 3))
      console.log('opened', prefix.length)`)
    assert.equal([code, stdout], [0, 'opened 3\n'], stderr)
  })

  test('a promise that is awaited keeps the program alive until it is settled', async () => {
    const { code, stdout, stderr } = await runProgram(`
      const scorer = await native()
      const scores = await scorer.score(await scorer.open(numbers(50, 3)), longWork(8))
      console.log(scores.length)`)
    assert.equal([code, stdout], [0, '8\n'], stderr)
  })

  test('forgotten prefixes are closed by garbage collection, and their pages come back', async () => {
    // The cache holds five pages; each prefix needs three of its own.
    const walk = (forget: boolean): string => `
      const scorer = await native({ cacheMiB: 1 })
      const held = []
      for (let i = 0; i < 12; i++) {
        ${forget ? '' : 'held.push('}await scorer.open(numbers(380, 2 * i + 1))${forget ? '' : ')'}
        for (let k = 0; k < 3; k++) {
          gc()
          await new Promise((done) => setTimeout(done, 5))
        }
      }
      console.log('all opened', held.length)`
    const forgotten = await runProgram(walk(true), ['--expose-gc'])
    assert.equal([forgotten.code, forgotten.stdout], [0, 'all opened 0\n'], forgotten.stderr)
    const kept = await runProgram(walk(false), ['--expose-gc'])
    assert.match(kept.stderr, /CAPACITY/)
  })

  test('a forgotten scorer gives its engine back', async () => {
    const { code, stdout, stderr } = await runProgram(
      `
      import { readdirSync } from 'node:fs'
      const threads = () => readdirSync('/proc/self/task').length
      const before = threads()
      await (async () => { const scorer = await native(); await scorer.open(numbers(300, 3)) })()
      const during = threads()
      for (let i = 0; i < 100 && threads() > before; i++) {
        gc()
        await new Promise((done) => setTimeout(done, 10))
      }
      console.log(during > before, threads() === before)`,
      ['--expose-gc'],
    )
    assert.equal([code, stdout], [0, 'true true\n'], stderr)
  })
}).run()

suiteUnless(whyNoNative, 'native, bad models', (test) => {
  /** Loads a copy of the tiny model with a change, past the checks that TypeScript makes in front. */
  const load = async (change: (folder: string) => void): Promise<ReturnType<typeof reviveNativeError>> => {
    const folder = mkdtempSync(join(tmpdir(), 'model-'))
    cpSync(tinyLlama, folder, { recursive: true })
    change(folder)
    const addon: NativeAddon = loadAddon()
    try {
      await addon.load({ modelDir: folder, device: 'cpu' })
    } catch (error) {
      return reviveNativeError(error)
    } finally {
      rmSync(folder, { recursive: true })
    }
    throw new Error('It was loaded.')
  }
  const weights = (folder: string): string => join(folder, 'model.safetensors')
  const setWord = (folder: string, word: number): void => {
    const bytes = readFileSync(weights(folder))
    bytes.writeUInt16LE(word, bytes.length - 64)
    writeFileSync(weights(folder), bytes)
  }
  const cases: [what: string, change: (folder: string) => void, code: string][] = [
    ['no config', (folder) => rmSync(join(folder, 'config.json')), 'MODEL_MISSING_FILE'],
    ['no weights', (folder) => rmSync(weights(folder)), 'MODEL_MISSING_FILE'],
    ['a config that is not JSON', (folder) => writeFileSync(join(folder, 'config.json'), '{'), 'MODEL_INVALID'],
    ['weights cut by one byte', (folder) => truncateSync(weights(folder), 393_119), 'MODEL_INVALID'],
    ['weights cut in the header', (folder) => truncateSync(weights(folder), 100), 'MODEL_INVALID'],
    ['random weights', (folder) => writeFileSync(weights(folder), Buffer.alloc(5000, 0xa7)), 'MODEL_INVALID'],
    ['a NaN among its weights', (folder) => setWord(folder, 0x7fc0), 'NOT_FINITE'],
    ['an infinity among its weights', (folder) => setWord(folder, 0xff80), 'NOT_FINITE'],
  ]
  for (const [what, change, code] of cases) {
    test(`a model with ${what} is refused by its code, and the next one is loaded`, async () => {
      const error = await load(change)
      assert.is(error.code, code, error.message)
      const scorer = await make()
      assert.is((await scorer.open(numbers(3, 1))).length, 3)
      await scorer.dispose()
    })
  }

  test('the scorer refuses a wrong folder, an unknown device and a cache of nothing by their codes', async () => {
    await rejects(createScorer({ backend: 'native', modelDir: '/nowhere/at/all' }), 'MODEL_MISSING_FILE', ModelError)
    for (const [wrong, says] of [
      [{ backend: 'native', cacheMiB: 0 }, /cacheMiB/],
      [{ backend: 'native', device: 'tpu' }, /device/],
      [{ backend: 'onnx', device: 'cuda' }, /device: the onnx backend computes on the CPU only/],
      [{ backend: 'onnx', precision: 'bfloat16' }, /precision/],
      [{ backend: 'onnx', kernels: 'avx2' }, /kernels/],
    ] as const) {
      try {
        await createScorer({ ...wrong, modelDir: tinyLlama } as never)
        assert.unreachable()
      } catch (error) {
        assert.is((error as { code: string }).code, 'CONFIG_INVALID', (error as Error).message)
        assert.match((error as Error).message, says)
      }
    }
  })
}).run()
