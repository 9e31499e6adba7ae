import * as assert from 'uvu/assert'
import { seededRandom } from '../../src/core/index.js'
import { createScorer, type Branch, type Prefix, type Scorer, type ScorerOptions } from '../../src/scoring/index.js'
import { assertClose, rejects } from './contract.js'
import { suiteUnless, shippedModel, tinyLlama, tinyRopeLlama, whyNoNative } from './native-support.js'
import { compareWithReference } from './reference.js'

type Settings = Omit<ScorerOptions, 'modelDir' | 'backend'>
const onCpu: Settings = { device: 'cpu' }
/**
 * The smallest cache there is: five pages of 128 tokens of the tiny model, so branches come in waves and pages go. A path
 * that parts from a kept one inside a page needs one page more than it has tokens for.
 */
const tinyCache: Settings = { device: 'cpu', cacheMiB: 1 }

const random = seededRandom('native exactness', '')
const tokensOf = (count: number): Uint32Array => Uint32Array.from({ length: count }, () => random.below(512))
const behind = (tokens: Uint32Array, targetTokens: number): Branch => ({
  tokens,
  scored: [{ start: tokens.length - targetTokens, end: tokens.length }],
})

/** The bits of log-probabilities. */
const bitsOf = (logProbs: Float32Array): string => Buffer.from(new Uint8Array(logProbs.slice().buffer)).toString('hex')

async function withScorer<T>(
  settings: Settings,
  work: (scorer: Scorer) => Promise<T>,
  modelDir = tinyLlama,
): Promise<T> {
  const scorer = await createScorer({ ...settings, backend: 'native', modelDir })
  try {
    return await work(scorer)
  } finally {
    await scorer.dispose()
  }
}

async function scoreBits(scorer: Scorer, prefix: Prefix, branches: Branch[]): Promise<string[]> {
  return (await scorer.score(prefix, branches)).map(({ logProbs }) => bitsOf(logProbs))
}

/** Scored alone behind an empty cache: what everything else is held against. */
function scratchBits(path: Uint32Array, targetTokens: number, settings = onCpu): Promise<string> {
  return withScorer(settings, async (scorer) => {
    const first = await scorer.open(path.slice(0, 1))
    return (await scoreBits(scorer, first, [behind(path.slice(1), targetTokens)]))[0]!
  })
}

suiteUnless(whyNoNative, 'native, exactness', (test) => {
  test('log-probabilities equal those recorded from Transformers in double precision', async () => {
    for (const threads of [1, 2]) {
      await compareWithReference(tinyLlama, tinyLlama, { backend: 'native', device: 'cpu', threads })
      await compareWithReference(tinyRopeLlama, tinyRopeLlama, { backend: 'native', device: 'cpu', threads })
    }
  })

  test('behind a long prefix the shipped model gives what ONNX Runtime gives', async () => {
    const tokens = seededRandom('native against onnx', '')
    const ids = (count: number): Uint32Array => Uint32Array.from({ length: count }, () => tokens.below(4096))
    const [prefix, ...rest] = [ids(1500), ids(90), ids(140), ids(200)] as const
    const score = async (scorer: Scorer): Promise<number[]> => {
      const open = await scorer.open(prefix)
      const scores = await scorer.score(
        open,
        rest.map((branch) => behind(branch, 64)),
      )
      await scorer.dispose()
      return scores.flatMap(({ logProbs }) => [...logProbs])
    }
    const native = await score(await createScorer({ backend: 'native', device: 'cpu', modelDir: shippedModel }))
    const onnx = await score(await createScorer({ backend: 'onnx', modelDir: shippedModel }))
    assert.ok(native.length === 192)
    // Two orders of float32 additions over 1,700 positions: their rounding errors differ.
    assertClose(native, onnx, 1e-4)
  })

  for (const [name, settings] of [
    ['with room for all', onCpu],
    ['in a cache that cannot hold all branches at once', tinyCache],
    ['rounding to bfloat16', { ...onCpu, precision: 'bfloat16' }],
    ['with two threads', { ...onCpu, threads: 2 }],
  ] as const) {
    test(`a branch has the same bits alone, among fifteen others and in any order, ${name}`, async () => {
      const prefix = tokensOf(200)
      const branches = Array.from({ length: 16 }, (_, i) => behind(tokensOf(20 + 11 * i), 9 + i))
      const alone: string[] = []
      for (const branch of branches) {
        alone.push(
          await withScorer(settings, async (scorer) => {
            return (await scoreBits(scorer, await scorer.open(prefix), [branch]))[0]!
          }),
        )
      }
      await withScorer(settings, async (scorer) => {
        const open = await scorer.open(prefix)
        assert.equal(await scoreBits(scorer, open, branches), alone)
        assert.equal(await scoreBits(scorer, open, [...branches].reverse()), [...alone].reverse())
        const shuffled = random.shuffled(branches.map((_, i) => i))
        assert.equal(
          await scoreBits(
            scorer,
            open,
            shuffled.map((i) => branches[i]!),
          ),
          shuffled.map((i) => alone[i]!),
        )
      })
    })

    test(`a path has the same bits wherever it is split, cold and warm, ${name}`, async () => {
      const path = tokensOf(500)
      const expected = await scratchBits(path, 30, settings)
      const ends = [1, 2, 63, 64, 127, 128, 129, 255, 256, 300, 383, 384, 385, 469, 470]
      // Cold: an engine of its own for each split.
      for (const end of ends) {
        const found = await withScorer(settings, async (scorer) =>
          scoreBits(scorer, await scorer.open(path.slice(0, end)), [behind(path.slice(end), 30)]),
        )
        assert.equal(found, [expected], `split at ${end}, cold`)
      }
      // Warm: one engine, which keeps what it has computed.
      await withScorer(settings, async (scorer) => {
        for (const end of [...ends, ...[...ends].reverse()]) {
          const open = await scorer.open(path.slice(0, end))
          assert.equal(
            await scoreBits(scorer, open, [behind(path.slice(end), 30)]),
            [expected],
            `split at ${end}, warm`,
          )
          scorer.close(open)
        }
      })
    })

    test(`a prefix committed in pieces gives the bits of one that was opened, ${name}`, async () => {
      const path = tokensOf(500)
      const expected = await scratchBits(path, 30, settings)
      for (const cuts of [
        [1, 5, 120, 128, 300],
        [127, 129, 255],
        [50, 51, 52, 384, 469],
      ]) {
        await withScorer(settings, async (scorer) => {
          let prefix = await scorer.open(path.slice(0, cuts[0]))
          for (const [i, start] of cuts.entries()) {
            const end = cuts[i + 1]
            if (end === undefined) break
            const next = await scorer.commit(prefix, { tokens: path.slice(start, end), scored: [] })
            scorer.close(prefix)
            prefix = next
          }
          const rest = behind(path.slice(cuts.at(-1)), 30)
          assert.equal(await scoreBits(scorer, prefix, [rest]), [expected], `committed at ${cuts.join(', ')}`)
        })
      }
    })
  }

  test('three runs give the same bits', async () => {
    const [prefix, branch] = [tokensOf(300), behind(tokensOf(100), 80)]
    const run = (): Promise<string[]> =>
      withScorer(onCpu, async (scorer) => scoreBits(scorer, await scorer.open(prefix), [branch]))
    const runs = [await run(), await run(), await run()]
    assert.equal(runs[1], runs[0])
    assert.equal(runs[2], runs[0])
  })

  test('what was evicted and computed again has the same bits, and is counted', async () => {
    await withScorer(tinyCache, async (scorer) => {
      const [first, second] = [tokensOf(380), tokensOf(380)]
      const branch = behind(tokensOf(60), 40)
      const scored = async (tokens: Uint32Array): Promise<string[]> => {
        const prefix = await scorer.open(tokens)
        const bits = await scoreBits(scorer, prefix, [branch])
        scorer.close(prefix)
        return bits
      }
      const before = await scored(first)
      const secondScores = await scored(second)
      assert.equal(await scored(first), before)
      assert.equal(await scored(second), secondScores)
      assert.ok((await scorer.counters()).tokensRecomputed > 300, 'nothing was evicted')
    })
  })

  test('any walk of opens, scores, commits and closes in a small cache gives the bits of scoring alone', async () => {
    // A few paths with common heads, so that the tree of prefixes branches.
    const trunk = tokensOf(260)
    const paths = [40, 128, 130, 200, 250].map((length) =>
      Uint32Array.from([...trunk.slice(0, length), ...tokensOf(90)]),
    )
    const expected = await Promise.all(paths.map((path) => scratchBits(path, 20)))
    await withScorer(tinyCache, async (scorer) => {
      let open: { prefix: Prefix; path: number }[] = []
      let [scores, full] = [0, 0]
      const openOne = async (): Promise<void> => {
        const path = random.below(paths.length)
        const tokens = paths[path]!
        open.push({ prefix: await scorer.open(tokens.slice(0, 1 + random.below(tokens.length - 21))), path })
      }
      const commitTo = async ({ prefix, path }: (typeof open)[number]): Promise<void> => {
        const rest = paths[path]!.slice(prefix.length, -20)
        const tokens = rest.slice(0, random.below(rest.length + 1))
        open.push({ prefix: await scorer.commit(prefix, { tokens, scored: [] }), path })
      }
      const scoreBehind = async ({ prefix, path }: (typeof open)[number]): Promise<void> => {
        const bits = await scoreBits(scorer, prefix, [behind(paths[path]!.slice(prefix.length), 20)])
        assert.equal(bits, [expected[path]])
        scores++
      }
      for (let step = 0; step < 200; step++) {
        const chosen = open[random.below(Math.max(open.length, 1))]
        const move = chosen === undefined ? 0 : random.below(5)
        try {
          if (move === 0 || chosen === undefined) await openOne()
          else if (move === 1) await commitTo(chosen)
          else if (move === 2) {
            scorer.close(chosen.prefix)
            open = open.filter((kept) => kept !== chosen)
          } else await scoreBehind(chosen)
        } catch (error) {
          // More is pinned than the cache holds.
          if ((error as { code?: string }).code !== 'CAPACITY') throw error
          full++
          for (const { prefix } of open) scorer.close(prefix)
          open = []
        }
      }
      assert.ok(scores > 50 && full > 0, `${scores} scores were compared, and the cache was full ${full} times`)
    })
  })

  test('what the cache cannot hold is refused with figures, and the scorer lives on', async () => {
    await withScorer(tinyCache, async (scorer) => {
      const error = await rejects(scorer.open(tokensOf(1500)), 'CAPACITY')
      const { needed, available } = error.details as { needed: number; available: number }
      assert.ok(needed > available && available > 0, `needed ${needed}, available ${available}`)
      const held = await scorer.open(tokensOf(500))
      await rejects(scorer.open(tokensOf(400)), 'CAPACITY')
      scorer.close(held)
      assert.is((await scorer.open(tokensOf(400))).length, 400)
    })
  })
}).run()
