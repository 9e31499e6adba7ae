import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { buildAblationReport, verdictOf } from '../../src/report/index.js'
import { isReferenceShown } from '../../src/report/charts/dot-plot.js'
import type { Ablation, PairedDifference } from '../../src/records/index.js'
import { scriptsOf, tagsOf, textOf } from './page-reader.js'

const test = suite('ablation')

function includes(text: string, ...parts: string[]): void {
  for (const part of parts) assert.ok(text.includes(part), `the page lacks "${part}"`)
}

function difference(mean: number, low: number, high: number, pairs = 3): PairedDifference {
  const isDistinguishable = low > 0 || high < 0
  return { pairs, mean, standardError: 0.0025, interval: [low, high], isDistinguishable }
}

function sample(): Ablation {
  const training = (seed: number, tokens: number): Ablation['arms'][number]['trainings'][number] => ({
    ...{ seed, steps: 12, tokens, trainedTokens: tokens / 2, loss: 1.5 + seed / 10, seconds: 30, epochs: 2.5 },
  })
  const packed = { documents: 4, rows: 10, tokens: 40_000, trainedTokens: 30_000, droppedTokens: 321 }
  const arm = (name: Ablation['arms'][number]['arm']): Ablation['arms'][number] => ({
    ...{ arm: name, packed },
    trainings: [training(0, 100_000), training(1, 100_000), training(2, 100_600)],
  })
  return {
    schemaVersion: 1,
    retraceVersion: '0.0.0-test',
    model: { name: 'retrace-small', digest: 'abcdef0123456789' },
    ...{ tokens: 100_000, seeds: 3, sequenceLength: 4096, batchRows: 4, device: 'cpu' },
    repositories: {
      training: [{ id: 'one-12345678', name: 'one' }],
      heldOut: [
        { id: 'two-12345678', name: 'two', overlap: 0.125 },
        { id: 'odd-12345678', name: '<script>alert(1)</script>', overlap: null },
      ],
      leftOut: [{ id: 'input-000003', isHeldOut: true, message: 'broken.tgz ends too early.' }],
      knownToModel: [{ name: 'two', source: 'github.com/else/two' }],
    },
    arms: [arm('raw-code'), arm('trajectories'), arm('search')],
    measures: [
      {
        measure: 'code',
        base: 1.2,
        arms: [
          {
            arm: 'raw-code',
            ...{ values: [1.1, 1.102, 1.104], mean: 1.102, standardDeviation: 0.002, interval: [1.097, 1.107] },
            ...{ overSeeds: null, overRepositories: null },
          },
          {
            arm: 'trajectories',
            ...{ values: [1.101, 1.103, 1.1], mean: 1.1013, standardDeviation: 0.0015, interval: [1.0975, 1.1051] },
            overSeeds: difference(-0.0007, -0.011, 0.0096),
            overRepositories: { ...difference(-0.001, -0.01, 0.008, 2), better: 1 },
          },
          {
            arm: 'search',
            ...{ values: [1.05, 1.052, 1.054], mean: 1.052, standardDeviation: 0.002, interval: [1.047, 1.057] },
            overSeeds: difference(-0.05, -0.06, -0.04),
            overRepositories: { ...difference(-0.05, -0.2, 0.1, 2), better: 2 },
          },
        ],
      },
    ],
  }
}

test('figures, spreads and verdicts are on the page', () => {
  const page = textOf(buildAblationReport(sample()))
  includes(page, 'bare code 1.1020 0.0020 – – – – – what the others are held against')
  includes(
    page,
    'trajectories 1.1013 0.0015 −0.0007 0.0025 −0.0110 to +0.0096 −0.0010, −0.0100 to +0.0080 1 of 2 not distinguishable from bare code',
  )
  includes(
    page,
    'with search 1.0520 0.0020 −0.0500',
    '2 of 2 better than bare code over seeds, not distinguishable over repositories',
  )
  includes(page, 'The model before training: 1.2000, the dashed line')
  includes(page, 'bare code 4 10 40,000 75 % 321 100,200 50,100 2.50 12 1.600 30.0 s')
  includes(page, 'two 12.5 % by its name: github.com/else/two', 'Held out: broken.tgz ends too early.')
  includes(page, 'Held out, but known to the model: by their names, it was trained before on two')
  includes(page, '2 comparisons at 95 %')
})

test('every seed is a dot at its place, the mean a ring, and the reference a line through each row', () => {
  const page = buildAblationReport(sample())
  const section = page.slice(page.indexOf('id="code"'), page.indexOf('id="arms"'))
  // Ticks from 1.00 or 1.05 to 1.20: places follow from any two of them.
  const dots = [...section.matchAll(/class="dot" cx="([\d.]+)%"/g)].map(([, x]) => Number(x))
  const rings = [...section.matchAll(/class="ring" cx="([\d.]+)%"/g)].map(([, x]) => Number(x))
  assert.equal([dots.length, rings.length], [9, 3])
  assert.is([...section.matchAll(/class="reference"/g)].length, 3)
  const perUnit = ((dots[0] as number) - (dots[6] as number)) / 0.05
  assert.ok(Math.abs((dots[2] as number) - (dots[0] as number) - 0.004 * perUnit) < 0.01)
  assert.ok(Math.abs((rings[0] as number) - (dots[1] as number)) < 0.01)
  const lines = [...section.matchAll(/class="line" x1="([\d.]+)%" x2="([\d.]+)%"/g)]
  assert.is(lines.length, 3)
  assert.ok(Math.abs(Number(lines[2]?.[2]) - Number(lines[2]?.[1]) - 0.01 * perUnit) < 0.01)
})

test('a reference far off is said and not drawn', () => {
  assert.is(isReferenceShown([1, 2], 3.9), true)
  assert.is(isReferenceShown([1, 2], 4.1), false)
  const far = sample()
  for (const measure of far.measures) measure.base = 3
  const page = buildAblationReport(far)
  includes(textOf(page), 'The model before training: 3.0000, too far off to be drawn')
  assert.not.match(page, /class="reference"/)
})

test('nothing more is said than both intervals carry', () => {
  const of = (overSeeds: PairedDifference | null, overRepositories: PairedDifference | null): string =>
    verdictOf('code', {
      arm: 'search',
      overSeeds,
      overRepositories: overRepositories && { ...overRepositories, better: 0 },
    })
  assert.is(of(null, null), 'nothing to hold it against: bare code is no arm here')
  const bare = { arm: 'raw-code', overSeeds: null, overRepositories: null } as const
  assert.is(verdictOf('code', bare), 'what the others are held against')
  assert.is(of(difference(-1, -2, -0.5), difference(-1, -2, -0.1)), 'better than bare code')
  assert.is(of(difference(1, 0.5, 2), difference(1, 0.1, 2)), 'worse than bare code')
  assert.is(of(difference(-1, -2, 0.01), difference(-1, -2, -0.1)), 'not distinguishable from bare code')
  assert.is(of(difference(-1, -2, -0.5), null), 'better than bare code')
  // Means over tokens and over repositories may lie on different sides of zero.
  assert.match(of(difference(-1, -2, -0.5), difference(1, 0.1, 2)), /not distinguishable over repositories/)
  assert.match(
    of({ pairs: 1, mean: -1, standardError: null, interval: null, isDistinguishable: false }, null),
    /one seed/,
  )
  const higher = { arm: 'search', overSeeds: difference(0.2, 0.1, 0.3), overRepositories: null } as const
  assert.is(verdictOf('needle', higher), 'better than bare code')
})

test('one seed draws dots without a spread, and says that nothing can be told apart', () => {
  const one = sample()
  one.seeds = 1
  for (const { arms } of one.measures) {
    for (const arm of arms) {
      Object.assign(arm, { values: arm.values.slice(0, 1), standardDeviation: null, interval: null })
      if (arm.overSeeds !== null) {
        arm.overSeeds = { pairs: 1, mean: -0.1, standardError: null, interval: null, isDistinguishable: false }
      }
    }
  }
  const page = textOf(buildAblationReport(one))
  includes(page, 'not distinguishable: one seed has no spread', 'One seed gives no spread')
})

test('without bare code no arm is held against another, and the page says so', () => {
  const alone = sample()
  alone.arms.shift()
  for (const { arms } of alone.measures) {
    arms.shift()
    for (const arm of arms) Object.assign(arm, { overSeeds: null, overRepositories: null })
  }
  const page = textOf(buildAblationReport(alone))
  includes(page, 'nothing to hold it against', 'Without bare code among the arms, no arm is held against another.')
  assert.not.match(page, /what the others are held against|comparisons? at 95/)
})

test('what an arm lost in packing, and how much of its data was seen, is said', () => {
  const page = sample()
  includes(textOf(buildAblationReport(page)), 'bare code 0.8 %, trajectories 0.8 %', 'the order of the rows alone.')
  for (const { trainings } of page.arms) for (const training of trainings) training.epochs = 0.1
  includes(textOf(buildAblationReport(page)), 'and so, in less than one pass, also which of them are seen')
})

test('a single repository is no plural', () => {
  const page = sample()
  includes(textOf(buildAblationReport(page)), 'Trained on 1 repository Measured on 2 repositories that no arm saw')
  page.repositories.heldOut.pop()
  includes(textOf(buildAblationReport(page)), 'Measured on 1 repository that no arm saw')
})

test('the page needs nothing else, runs nothing, and names of repositories are text', () => {
  const page = buildAblationReport(sample())
  assert.equal(scriptsOf(page), [])
  assert.not(tagsOf(page).has('script'))
  assert.not.match(page, /(href|src)="?http|@import|url\(/)
  includes(textOf(page), '<script>alert(1)</script>')
  assert.match(page, /default-src 'none'; style-src 'sha256-[A-Za-z0-9+/=]+'/)
  assert.is(buildAblationReport(sample()), page)
})

test.run()
