import type { Test } from '../suite.js'
import * as assert from 'uvu/assert'
import { seededRandom, type RetraceError } from '../../src/core/index.js'
import { ScoringError, type Branch, type Prefix, type Scorer, type ScorerCounters } from '../../src/scoring/index.js'

/** Nats a token between two ways of computing one log-probability in float32. */
const tolerance = 1e-5

/**
 * What every backend must hold. `makeScorer` is asked once; the scorer is disposed of at the end.
 *
 * A backend may keep what it computed for a prefix that is closed. So where tokens are counted, the prefix is one that no
 * other test has opened.
 */
export function scorerContract(test: Test, makeScorer: () => Promise<Scorer>): void {
  let scorer: Scorer
  test.before(async () => void (scorer = await makeScorer()))
  test.after(() => scorer.dispose())

  const tokens = (seed: string, count: number): Uint32Array => {
    const random = seededRandom('contract', seed)
    return Uint32Array.from({ length: count }, () => random.below(scorer.model.vocabularySize))
  }
  const prefixTokens = (seed = 'prefix') => tokens(seed, 120)
  /** Context and target behind the prefix, with all of the target scored. */
  const branch = (seed: string, context = 9, target = 17): Branch => ({
    tokens: tokens(seed, context + target),
    scored: [{ start: context, end: context + target }],
  })
  const withPrefix = async <T>(work: (prefix: Prefix) => Promise<T>, of = prefixTokens()): Promise<T> => {
    const prefix = await scorer.open(of)
    try {
      return await work(prefix)
    } finally {
      scorer.close(prefix)
    }
  }
  const scoreOne = async (prefix: Prefix, scored: Branch): Promise<number[]> => {
    const [score] = await scorer.score(prefix, [scored])
    return [...score!.logProbs]
  }

  test('log-probabilities are numbers of at most zero, one per scored token', async () => {
    const values = await withPrefix((prefix) => scoreOne(prefix, branch('a')))
    assert.is(values.length, 17)
    assert.ok(values.every((value) => Number.isFinite(value) && value <= 0))
    assert.ok(new Set(values).size > 10, 'the values are all alike')
  })

  test('the probabilities of all tokens that can follow a prefix sum to one', async () => {
    const all = Array.from({ length: scorer.model.vocabularySize }, (_, token) => ({
      tokens: Uint32Array.of(token),
      scored: [{ start: 0, end: 1 }],
    }))
    const scores = await withPrefix((prefix) => scorer.score(prefix, all))
    const total = scores.reduce((sum, { logProbs }) => sum + Math.exp(logProbs[0]!), 0)
    assert.ok(Math.abs(total - 1) < tolerance, `they sum to ${total}`)
  })

  test('a shared prefix gives the same as computing everything from the first token', async () => {
    const { tokens: rest, scored } = branch('a')
    const shared = await withPrefix((prefix) => scoreOne(prefix, { tokens: rest, scored }))
    const path = join(prefixTokens(), rest)
    const scratch = await withPrefix(
      (prefix) => scoreOne(prefix, { tokens: path.slice(1), scored: moved(scored, 119) }),
      path.slice(0, 1),
    )
    assertClose(shared, scratch)
  })

  test('the first token behind a prefix is scored, alone or with more', async () => {
    await withPrefix(async (prefix) => {
      const { tokens: rest } = branch('a')
      const [first] = await scoreOne(prefix, { tokens: rest.slice(0, 1), scored: [{ start: 0, end: 1 }] })
      const whole = await scoreOne(prefix, { tokens: rest, scored: [{ start: 0, end: rest.length }] })
      assertClose([first!], [whole[0]!])
    })
    const path = join(prefixTokens(), branch('a').tokens)
    const scratch = await withPrefix(
      (prefix) => scoreOne(prefix, { tokens: path.slice(1), scored: [{ start: 119, end: 120 }] }),
      path.slice(0, 1),
    )
    const [first] = await withPrefix((prefix) => scoreOne(prefix, { ...branch('a'), scored: [{ start: 0, end: 1 }] }))
    assertClose([first!], scratch)
  })

  test('targets split in ranges and branches give the same as the whole', async () => {
    await withPrefix(async (prefix) => {
      const { tokens: rest } = branch('a')
      const whole = await scoreOne(prefix, { tokens: rest, scored: [{ start: 4, end: 26 }] })
      const ranges = [4, 5, 13, 26].map((start, i, all) => ({ start, end: all[i + 1] ?? start })).slice(0, 3)
      assertClose(await scoreOne(prefix, { tokens: rest, scored: ranges }), whole)
      const apart = await scorer.score(
        prefix,
        ranges.map((range) => ({ tokens: rest.slice(0, range.end), scored: [range] })),
      )
      assertClose(
        apart.flatMap(({ logProbs }) => [...logProbs]),
        whole,
      )
    })
  })

  test('neither the order of branches nor their company changes a bit', async () => {
    const branches = ['a', 'b', 'c', 'd'].map((seed, i) => branch(seed, 3 + 5 * i, 8 + i))
    const alone: number[][] = []
    for (const single of branches) alone.push(await withPrefix((prefix) => scoreOne(prefix, single)))
    const together = await withPrefix((prefix) => scorer.score(prefix, branches))
    const reversed = await withPrefix((prefix) => scorer.score(prefix, [...branches].reverse()))
    assert.equal(
      together.map(({ logProbs }) => [...logProbs]),
      alone,
    )
    assert.equal(
      reversed.reverse().map(({ logProbs }) => [...logProbs]),
      alone,
    )
  })

  test('scoring behind a committed branch equals scoring the two joined', async () => {
    await withPrefix(async (prefix) => {
      const [first, second] = [branch('a'), branch('b')]
      const joined = await scoreOne(prefix, {
        tokens: join(first.tokens, second.tokens),
        scored: moved(second.scored, first.tokens.length),
      })
      const committed = await scorer.commit(prefix, first)
      assert.is(committed.length, prefix.length + first.tokens.length)
      assertClose(await scoreOne(committed, second), joined)
      scorer.close(committed)
    })
  })

  test('committing without scoring first gives the same bits, so that a run can be resumed', async () => {
    const steps = ['a', 'b', 'c'].map((seed) => branch(seed, 5, 12))
    const last = branch('last')
    const walk = async (before: (prefix: Prefix, step: Branch) => Promise<unknown>): Promise<number[]> => {
      let prefix = await scorer.open(prefixTokens())
      for (const step of steps) {
        await before(prefix, step)
        const next = await scorer.commit(prefix, step)
        scorer.close(prefix)
        prefix = next
      }
      const result = await scoreOne(prefix, last)
      scorer.close(prefix)
      return result
    }
    const resumed = await walk(async () => {})
    assert.equal(await walk((prefix, step) => scorer.score(prefix, [step])), resumed)
    assert.equal(await walk((prefix, step) => scorer.score(prefix, [branch('x'), step, branch('y', 2, 30)])), resumed)
  })

  test('a prefix stays as it was after branches behind it are committed', async () => {
    await withPrefix(async (prefix) => {
      const before = await scoreOne(prefix, branch('a'))
      const first = await scorer.commit(prefix, branch('b'))
      const second = await scorer.commit(prefix, branch('c'))
      const behindFirst = await scoreOne(first, branch('d'))
      assert.equal(await scoreOne(prefix, branch('a')), before)
      await scoreOne(prefix, branch('e', 50, 60))
      assert.not.equal(await scoreOne(second, branch('d')), behindFirst)
      assert.equal(await scoreOne(first, { ...branch('d'), tokens: branch('d').tokens.slice() }), behindFirst)
      const again = await scorer.commit(prefix, branch('b'))
      assert.equal(await scoreOne(again, branch('d')), behindFirst)
      for (const open of [first, second, again]) scorer.close(open)
    })
  })

  test('over rounds of scoring and committing no token is computed twice', async () => {
    const before = await scorer.counters()
    let prefix = await scorer.open(prefixTokens('rounds'))
    let fed = 0
    let reused = 0
    for (const round of ['1', '2', '3']) {
      const branches = ['a', 'b', 'c'].map((seed) => branch(seed + round))
      for (const single of branches) await scorer.score(prefix, [single])
      reused += 3 * prefix.length
      // The first of the round wins, though it was not in the last call; its last token is all that is missing.
      const next = await scorer.commit(prefix, branches[0]!)
      scorer.close(prefix)
      prefix = next
      fed += 3 * 25 + 1
    }
    await scorer.score(prefix, [branch('end')])
    reused += prefix.length
    fed += 25
    scorer.close(prefix)
    const after = await scorer.counters()
    assert.equal(difference(after, before), {
      prefixTokensComputed: 120,
      branchTokensComputed: fed,
      tokensRecomputed: 0,
      prefixTokensReused: reused,
    })
  })

  test('an empty prefix is one that nothing is scored right behind', async () => {
    const { tokens: rest, scored } = branch('a')
    const behindOne = await withPrefix(
      (prefix) => scoreOne(prefix, { tokens: rest.slice(1), scored: moved(scored, -1) }),
      rest.slice(0, 1),
    )
    await withPrefix(async (prefix) => {
      assert.is(prefix.length, 0)
      assertClose(await scoreOne(prefix, { tokens: rest, scored }), behindOne)
      await rejects(scorer.score(prefix, [{ tokens: rest, scored: [{ start: 0, end: 2 }] }]), 'INVALID_BRANCH')
      const committed = await scorer.commit(prefix, { tokens: rest.slice(0, 1), scored: [] })
      assertClose(await scoreOne(committed, { tokens: rest.slice(1), scored: moved(scored, -1) }), behindOne)
      scorer.close(committed)
    }, new Uint32Array(0))
  })

  test('what does not fit the context is refused by its code, with figures, before any work', async () => {
    const limit = scorer.model.contextLength
    const before = await scorer.counters()
    await rejects(scorer.open(tokens('long', limit + 1)), 'CONTEXT_TOO_LONG')
    await withPrefix(async (prefix) => {
      const tooLong = branch('long', 9, limit - 120 - 8)
      const error = await rejects(scorer.score(prefix, [branch('a'), tooLong]), 'CONTEXT_TOO_LONG')
      assert.is(error.details['needed'], limit + 1)
      assert.is(error.details['available'], limit)
      await rejects(scorer.commit(prefix, tooLong), 'CONTEXT_TOO_LONG')
    }, prefixTokens('limits'))
    const done = difference(await scorer.counters(), before)
    assert.equal([done.prefixTokensComputed, done.branchTokensComputed], [120, 0])
  })

  test('a branch that fills the context to its last token is scored', async () => {
    const room = scorer.model.contextLength - 120
    const values = await withPrefix((prefix) => scoreOne(prefix, branch('full', room - 40, 40)))
    assert.is(values.length, 40)
  })

  const invalid: [what: string, branch: () => Branch, code: string][] = [
    ['no range to score', () => ({ ...branch('a'), scored: [] }), 'EMPTY_TARGET'],
    ['an empty range', () => ({ ...branch('a'), scored: [{ start: 3, end: 3 }] }), 'INVALID_BRANCH'],
    ['a range past its end', () => ({ ...branch('a'), scored: [{ start: 3, end: 27 }] }), 'INVALID_BRANCH'],
    ['a negative range', () => ({ ...branch('a'), scored: [{ start: -1, end: 3 }] }), 'INVALID_BRANCH'],
    ['a range of fractions', () => ({ ...branch('a'), scored: [{ start: 0.5, end: 3 }] }), 'INVALID_BRANCH'],
    [
      'ranges out of order',
      () => ({
        ...branch('a'),
        scored: [
          { start: 5, end: 8 },
          { start: 2, end: 3 },
        ],
      }),
      'INVALID_BRANCH',
    ],
    [
      'ranges that overlap',
      () => ({
        ...branch('a'),
        scored: [
          { start: 2, end: 8 },
          { start: 7, end: 9 },
        ],
      }),
      'INVALID_BRANCH',
    ],
    [
      'an unknown token',
      () => ({ ...branch('a'), tokens: branch('a').tokens.fill(scorer.model.vocabularySize, 4, 5) }),
      'TOKEN_OUT_OF_RANGE',
    ],
  ]
  for (const [what, make, code] of invalid) {
    test(`a branch with ${what} is refused by its code, and the scorer lives on`, async () => {
      await withPrefix(async (prefix) => {
        await rejects(scorer.score(prefix, [branch('b'), make()]), code)
        assert.is((await scoreOne(prefix, branch('b'))).length, 17)
      })
    })
  }

  test('a closed prefix is refused by its code, and closing twice is nothing', async () => {
    const prefix = await scorer.open(prefixTokens())
    scorer.close(prefix)
    scorer.close(prefix)
    await rejects(scorer.score(prefix, [branch('a')]), 'PREFIX_CLOSED')
    await rejects(scorer.commit(prefix, branch('a')), 'PREFIX_CLOSED')
  })

  test('an aborted call rejects by its code, and the scorer lives on', async () => {
    await withPrefix(async (prefix) => {
      await rejects(scorer.score(prefix, [branch('a')], AbortSignal.abort()), 'ABORTED')
      const before = await scorer.counters()
      const many = Array.from({ length: 40 }, (_, i) => branch(`abort${i}`, 300, 300))
      await rejects(scorer.score(prefix, many, AbortSignal.timeout(20)), 'ABORTED')
      const done = difference(await scorer.counters(), before)
      assert.ok(done.branchTokensComputed < 40 * 599, 'the branches were all computed nevertheless')
      assert.is((await scoreOne(prefix, branch('a'))).length, 17)
    }, prefixTokens('abort'))
  })
}

export async function rejects(
  work: Promise<unknown>,
  code: string,
  type: new (...args: never[]) => RetraceError = ScoringError,
): Promise<RetraceError> {
  try {
    await work
  } catch (error) {
    assert.instance(error, type)
    assert.is((error as RetraceError).code, code, (error as Error).message)
    return error as RetraceError
  }
  throw new Error(`It was accepted; expected ${code}.`)
}

export function assertClose(found: readonly number[], expected: readonly number[], within = tolerance): void {
  assert.is(found.length, expected.length)
  const worst = Math.max(...found.map((value, i) => Math.abs(value - expected[i]!)))
  assert.ok(worst <= within, `they differ by ${worst} nats`)
}

function join(a: Uint32Array, b: Uint32Array): Uint32Array {
  return Uint32Array.from([...a, ...b])
}

function moved(scored: Branch['scored'], by: number): Branch['scored'] {
  return scored.map(({ start, end }) => ({ start: start + by, end: end + by }))
}

function difference(after: ScorerCounters, before: ScorerCounters): ScorerCounters {
  const names = Object.keys(after) as (keyof ScorerCounters)[]
  return Object.fromEntries(names.map((name) => [name, after[name] - before[name]])) as unknown as ScorerCounters
}
