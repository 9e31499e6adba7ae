import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import {
  searchOptionsSchema,
  searchTrajectory,
  stepTokens,
  tokensOf,
  walkSteps,
  type SearchInput,
} from '../../src/cot-search/index.js'
import { createNarrator } from '../../src/generation/index.js'
import { searchRowSchema, type SearchRow, type Trajectory } from '../../src/records/index.js'
import { createRenderer, headerParts } from '../../src/rendering/index.js'
import { replayTrajectory, thoughtRequestFor } from '../../src/synthesis/index.js'
import { smallProject, synthesizeFolder, writeRepository, type Synthesized } from '../support.js'
import { byteTokenizer } from '../packing/byte-tokenizer.js'
import { fakeScorer } from './fakes.js'

const test = suite('search')
const made = await synthesizeFolder(writeRepository(smallProject), { maxActionBytes: 512, maxReadBytes: 256 })
const renderer = createRenderer('llama3-chat')
const tokenizer = byteTokenizer
const maxThoughtTokens = 900

interface Outcome {
  trajectory: Trajectory
  rows: SearchRow[]
  scorer: ReturnType<typeof fakeScorer>
}

async function search(
  change: Partial<SearchInput> = {},
  from: Synthesized = made,
  contextLength = 6000,
): Promise<Outcome> {
  const scorer = fakeScorer(contextLength)
  const input: SearchInput = {
    trajectory: from.trajectory,
    requestFor: (episode, step) => thoughtRequestFor(from.snapshot, from.trajectory, episode, step, from.read, false),
    read: from.read,
    generator: createNarrator(),
    scorer,
    tokenizer,
    renderer,
    options: searchOptionsSchema.parse({ maxThoughtTokens, maxGrowthTokens: 300 }),
    noise: 0,
    seed: 0,
    decided: [],
    onRow: () => {},
    ...change,
  }
  return { ...(await searchTrajectory(input)), scorer }
}

test('every thought that leads to code gets a row with baseline, control, first thought and rounds', async () => {
  const { rows, trajectory } = await search()
  const steps = walkSteps(trajectory, renderer, made.read).filter((step) => step.leadsToCode)
  assert.is(rows.length, steps.length)
  for (const row of rows) {
    assert.equal(searchRowSchema.parse(JSON.parse(JSON.stringify(row))), row)
    assert.equal(
      row.candidates.slice(0, 3).map((one) => one.role),
      ['none', 'other', 'first'],
    )
    for (const round of [1, 2, 3]) assert.ok(row.candidates.filter((one) => one.round === round).length <= 2)
  }
  assert.ok(rows.some((row) => row.candidates.filter((one) => one.role === 'candidate').length === 6))
})

test('no text is tried twice for one thought, but for the control', async () => {
  const { rows } = await search()
  for (const row of rows) {
    const texts = row.candidates.filter((one) => one.role !== 'other').map((one) => one.thought?.text)
    assert.is(new Set(texts).size, texts.length, row.path)
  }
})

test('the kept thought is the best of those that passed every gate, and the trajectory says it', async () => {
  const { rows, trajectory } = await search()
  let improved = 0
  for (const row of rows) {
    const kept = row.candidates[row.chosen]
    assert.ok(kept?.accepted)
    assert.equal(trajectory.episodes[row.episode]?.steps[row.step]?.thought, kept.thought)
    const accepted = row.candidates.filter((one) => one.accepted)
    assert.is(Math.max(...accepted.map((one) => one.score?.mean ?? -Infinity)), kept.score?.mean)
    for (const one of row.candidates)
      assert.is(one.score === null, one.decision === 'leak' || one.decision === 'too-long')
    if (kept.role === 'candidate') improved++
  }
  assert.ok(improved > 3, `only ${improved} thoughts improved`)
  await replayTrajectory(trajectory, made.snapshot, made.blobs)
})

test('no gain below noise and floor is accepted', async () => {
  const { rows } = await search({ noise: 1 })
  assert.ok(rows.every((row) => row.candidates.every((one) => one.role !== 'candidate' || !one.accepted)))
})

test('what the scorer saw is exactly the document: the same ids that packing writes', async () => {
  const { rows, trajectory, scorer } = await search({}, made, 100_000)
  const steps = walkSteps(trajectory, renderer, made.read)
  const document = [
    ...tokenizer.encodeSegments(renderer.header(trajectory)).flatMap((ids) => [...ids]),
    ...steps.flatMap((step) => [...stepTokens(tokenizer, step.rendered)]),
  ]
  assert.is(rows.length > 5, true)
  for (const prefix of scorer.prefixes) assert.equal(prefix, document.slice(0, prefix.length))
  assert.is(scorer.openPrefixes(), 0, 'a prefix was left open')
})

test('each token is put into the prefix once while the window holds', async () => {
  const { scorer, rows } = await search({}, made, 100_000)
  assert.is(scorer.calls.filter((call) => call.kind === 'open').length, 1)
  const committed = scorer.calls
    .filter((call) => call.kind !== 'score')
    .reduce((sum, call) => sum + call.tokens.length, 0)
  assert.is(committed, Math.max(...rows.map((row) => row.view.prefixTokens)))
})

test('in a short context the window jumps by whole steps, never cuts a target, and counts what is too long', async () => {
  const { rows, scorer } = await search({}, made, 2300)
  assert.ok(
    rows.some((row) => row.view.firstStep > 0),
    'the window never moved',
  )
  for (const row of rows) assert.ok(row.outcome === 'too-long' || row.view.prefixTokens < 2300)
  assert.ok(
    scorer.calls.filter((call) => call.kind === 'open').length < rows.length,
    'a jump at every step shares nothing',
  )
  const tight = await search({ options: searchOptionsSchema.parse({ maxThoughtTokens: 500 }) }, made, 1000)
  const tooLong = tight.rows.filter((row) => row.outcome === 'too-long')
  assert.ok(tooLong.length > 0 && tooLong.length < tight.rows.length, `${tooLong.length} of ${tight.rows.length}`)
  for (const row of tooLong) {
    assert.equal([row.candidates, row.chosen], [[], -1])
    const before = made.trajectory.episodes[row.episode]?.steps[row.step]?.thought
    assert.equal(tight.trajectory.episodes[row.episode]?.steps[row.step]?.thought, before)
  }
})

/** Checks every new window of a search in this context. @returns how many there were */
async function checkWindows(context: number): Promise<number> {
  // What closes a step takes several tokens here, so that a length without it is seen.
  const plain = createRenderer('plain')
  const { rows, trajectory } = await search({ renderer: plain }, made, context)
  const steps = walkSteps(trajectory, plain, made.read)
  const lengths = steps.map((step) => stepTokens(tokenizer, step.rendered).length)
  let windows = 0
  for (const [index, { episode, step: stepIndex, view, outcome }] of rows.entries()) {
    const step = steps.find((walked) => walked.episode === episode && walked.step === stepIndex)
    const before = rows[index - 1]
    if (step === undefined || before === undefined || view.firstStep === before.view.firstStep) continue
    if (outcome === 'too-long' || before.outcome === 'too-long') continue
    windows++
    const { open, action, content } = step.rendered
    const header = tokensOf(tokenizer, headerParts(plain.header(trajectory))[view.header]).length
    const needed = tokensOf(tokenizer, [...open, ...action, ...content]).length + maxThoughtTokens
    const room = Math.min(context / 2, context - needed) - header
    const past = lengths.slice(view.firstStep, step.index).reduce((total, length) => total + length, 0)
    assert.is(view.prefixTokens, header + past + tokensOf(tokenizer, open).length)
    assert.ok(past <= room, `${past} tokens of steps in ${room}`)
    assert.ok(past + (lengths[view.firstStep - 1] ?? Infinity) > room, 'one more step would have fitted')
  }
  return windows
}

test('a new window begins with the most recent whole steps that fit in half of the context', async () => {
  let windows = 0
  for (let context = 2200; context < 3000; context += 100) windows += await checkWindows(context)
  assert.ok(windows > 10, `${windows} windows`)
})

test('a search that was stopped anywhere goes on to the same rows, with the same work in the window at hand', async () => {
  const whole = await search({}, made, 2300)
  for (const stop of [1, 4, whole.rows.length - 1]) {
    const written: SearchRow[] = []
    const resumed = await search(
      { decided: whole.rows.slice(0, stop), onRow: (row) => void written.push(row) },
      made,
      2300,
    )
    assert.equal(resumed.rows, whole.rows)
    assert.equal(resumed.trajectory, whole.trajectory)
    assert.equal(written, whole.rows.slice(stop))
    const state = (calls: typeof whole.scorer.calls) => calls.filter((call) => call.kind !== 'score')
    const tail = state(resumed.scorer.calls)
    assert.equal(tail, state(whole.scorer.calls).slice(-tail.length))
  }
})

test('a first thought that leaks does not start the search', async () => {
  const trajectory = structuredClone(made.trajectory)
  const step = trajectory.episodes.find((one) => one.path === 'src/words.ts')?.steps[0]
  assert.ok(step?.action.tool === 'Write')
  step.thought = { text: made.read(step.action.content), facts: ['goal'] }
  const { rows } = await search({ trajectory })
  const row = rows.find((one) => one.path === 'src/words.ts')
  const first = row?.candidates.find((one) => one.role === 'first')
  assert.is(first?.decision, 'leak')
  assert.not(first?.accepted)
  assert.is(first?.score, null)
  assert.not.equal(row?.candidates[row.chosen]?.role, 'first')
})

test('the seed names the draws', async () => {
  const texts = ({ rows }: Outcome): unknown => rows.map((row) => row.candidates.map((one) => one.thought?.text))
  assert.equal(texts(await search()), texts(await search()))
  assert.not.equal(texts(await search()), texts(await search({ seed: 1 })))
})

test.run()
