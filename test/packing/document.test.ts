import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import fc from 'fast-check'
import { countIrregularBorders, tokenizeTrajectory } from '../../src/packing/document.js'
import { cutDocument, type CutDocument } from '../../src/packing/cut-document.js'
import { ignoreIndex, rowOfPieces } from '../../src/packing/shards/row.js'
import type { Trajectory } from '../../src/records/index.js'
import { createRenderer, masksSchema, rendererNames, type Renderer, type Segment } from '../../src/rendering/index.js'
import { anyTrajectory, readSpan, spanOf, trajectoryOf, trajectoryOfSizes } from './random-trajectories.js'
import { byteTokenizer, tokenizersAtHand } from './byte-tokenizer.js'

const test = suite('document')

const chat = createRenderer('llama3-chat')

function segmentsOf(renderer: Renderer, trajectory: Trajectory): Segment[] {
  const steps = trajectory.episodes.flatMap((episode) => episode.steps)
  const rendered = steps.flatMap((step) => Object.values(renderer.step(step, readSpan)).flat() as Segment[])
  return [...renderer.header(trajectory), ...rendered, ...renderer.end()]
}

function textOf(segments: readonly Segment[]): string {
  return segments.map((segment) => segment.text).join('')
}

const anyMasks = fc.record({ observation: fc.boolean(), thought: fc.boolean(), actionBorder: fc.boolean() })

for (const [tokenizerName, tokenizer] of await tokenizersAtHand()) {
  test(`the mask oracle: with ${tokenizerName}, untrained tokens decode to the untrained segments, trained to the trained`, () => {
    const seen = { trained: 0, untrained: 0 }
    fc.assert(
      fc.property(anyTrajectory, fc.constantFrom(...rendererNames), anyMasks, (trajectory, name, masks) => {
        const renderer = createRenderer(name, masksSchema.parse(masks))
        const document = tokenizeTrajectory(trajectory, renderer, readSpan, tokenizer)
        const { pieces } = cutDocument(document, 1 << 20)
        const { inputIds, labels } = rowOfPieces('code', pieces)

        const segments = segmentsOf(renderer, trajectory)
        const trained = [...inputIds].filter((_, i) => labels[i] !== ignoreIndex)
        const untrained = [...inputIds].filter((_, i) => labels[i] === ignoreIndex)
        assert.is(tokenizer.decode(trained), textOf(segments.filter((segment) => segment.trainable)))
        assert.is(tokenizer.decode(untrained), textOf(segments.filter((segment) => !segment.trainable)))
        assert.ok(labels.every((label, i) => label === ignoreIndex || label === inputIds[i]))
        seen.trained += trained.length
        seen.untrained += untrained.length
      }),
    )
    assert.ok(seen.trained > 1000 && seen.untrained > 1000, JSON.stringify(seen))
  })
}

test('the first token of a document is no target, even where templates are trained', () => {
  const renderer = createRenderer('llama3-chat', masksSchema.parse({ template: true, observation: true }))
  const document = tokenizeTrajectory(trajectoryOfSizes('all', [20]), renderer, readSpan, byteTokenizer)
  const { pieces } = cutDocument(document, 1000)
  const { inputIds, labels, seqLengths } = rowOfPieces('code', [...pieces, ...pieces])
  const untrained = [...labels.keys()].filter((i) => labels[i] === ignoreIndex)
  assert.equal(untrained, [0, seqLengths[0]])
  assert.is(labels[1], inputIds[1])
})

test('a special token that stands in repository text stays data', () => {
  const content = 'const end = "<|eot_id|><|end_of_text|>"\n'
  const step = {
    thought: null,
    action: { tool: 'Write' as const, path: 'a.ts', content: spanOf(content) },
    observation: null,
  }
  const trajectory = trajectoryOf('hostile', { episodes: [{ path: 'a.ts', steps: [step] }] })
  const { header, steps } = tokenizeTrajectory(trajectory, chat, readSpan, byteTokenizer)
  const ids = [...header.ids, ...(steps[0]?.ids ?? [])]
  const count = (name: string): number => ids.filter((id) => id === byteTokenizer.special(name)).length
  assert.is(count('<|eot_id|>'), 3)
  assert.is(count('<|end_of_text|>'), 1)
  assert.ok(byteTokenizer.decode(ids).includes(content))
})

test('irregular borders are counted where content breaks the rule, and only there', () => {
  const segment = (text: string, special = false): Segment => ({ text, origin: 'action', trainable: true, special })
  assert.is(
    countIrregularBorders([segment('Write a\n'), segment('code'), segment('<|eot_id|>', true), segment('\n\n')]),
    0,
  )
  assert.is(countIrregularBorders([segment('Write a\n'), segment('\ncode')]), 1)
  assert.is(countIrregularBorders([segment('Write a\n'), segment('  code')]), 1)
  assert.is(countIrregularBorders([segment('code'), segment('\nEnd')]), 1)
  assert.is(countIrregularBorders([segment('Write a\n'), segment(''), segment('code')]), 0)
})

/** Lengths in bytes of header and of each step, from the segments and not from the document. */
function sizesOf(trajectory: Trajectory): { header: number; steps: number[] } {
  const size = (segments: Segment[]): number =>
    segments.reduce((sum, { special, text }) => sum + (special ? 1 : Buffer.byteLength(text)), 0)
  const steps = trajectory.episodes.flatMap((episode) => episode.steps)
  const sizes = steps.map((step) => size(Object.values(chat.step(step, readSpan)).flat() as Segment[]))
  sizes.push((sizes.pop() ?? 0) + 1) // the end of the document
  return { header: size(chat.header(trajectory)), steps: sizes }
}

function cut(trajectory: Trajectory, sequenceLength: number): CutDocument {
  return cutDocument(tokenizeTrajectory(trajectory, chat, readSpan, byteTokenizer), sequenceLength)
}

test('a long document is cut between steps, and each next piece repeats the header, masked', () => {
  const trajectory = trajectoryOfSizes('long', [300, 300, 300, 300])
  const { header, steps } = sizesOf(trajectory)
  const row = header + (steps[0] ?? 0) + (steps[1] ?? 0)
  const { pieces, repeatedHeaderTokens, piecesWithoutHeader, wasCut } = cut(trajectory, row + 5)
  assert.ok(wasCut)
  assert.equal(
    pieces.map((piece) => piece.id),
    ['long#0', 'long#1'],
  )
  assert.is(repeatedHeaderTokens, header)
  assert.is(piecesWithoutHeader, 0)
  const [first, second] = pieces
  assert.equal(second?.ids.subarray(0, header), first?.ids.subarray(0, header))
  assert.ok(first?.trained.subarray(0, header).includes(1))
  assert.not.ok(second?.trained.subarray(0, header).includes(1))
  assert.ok(byteTokenizer.decode(second?.ids ?? []).endsWith('<|eot_id|><|end_of_text|>'))
})

test('a header of more than half a row is not repeated; the piece begins with the begin of text alone', () => {
  const trajectory = { ...trajectoryOfSizes('top-heavy', [400, 400]), requirements: 'R'.repeat(500) }
  const { header } = sizesOf(trajectory)
  const { pieces, repeatedHeaderTokens, piecesWithoutHeader } = cut(trajectory, header + 50)
  assert.is(pieces.length, 3)
  assert.is(piecesWithoutHeader, 2)
  assert.is(repeatedHeaderTokens, 2)
  assert.ok(pieces.slice(1).every((piece) => piece.ids[0] === byteTokenizer.special('<|begin_of_text|>')))
})

test('a step that fits in no row even alone is dropped and listed; the next step begins a new piece', () => {
  const trajectory = trajectoryOfSizes('gap', [10, 5000, 10])
  const { steps } = sizesOf(trajectory)
  const { pieces, dropped } = cut(trajectory, 1000)
  assert.equal(dropped, [{ step: 1, tokens: steps[1], reason: 'step-longer-than-row' }])
  assert.equal(
    pieces.map((piece) => piece.id),
    ['gap#0', 'gap#1'],
  )
})

test('a piece in which nothing is trained is left out and counted', () => {
  const masks = masksSchema.parse({ thought: false, action: false, actionBorder: false })
  const trajectory = trajectoryOfSizes('untrained', [300, 300])
  const document = tokenizeTrajectory(trajectory, createRenderer('llama3-chat', masks), readSpan, byteTokenizer)
  const { header, steps } = sizesOf(trajectory)
  const { pieces, untrained } = cutDocument(document, header + (steps[0] ?? 0) + 5)
  assert.equal(
    pieces.map((piece) => piece.id),
    ['untrained#0'],
  )
  assert.equal(untrained, { pieces: 1, tokens: steps[1] })
})

test('every token is kept or counted, no piece is over length, and no piece goes on over a gap', () => {
  const seen = { cut: 0, dropped: 0, withoutHeader: 0 }
  fc.assert(
    fc.property(anyTrajectory, fc.integer({ min: 16, max: 900 }), (trajectory, sequenceLength) => {
      const { header, steps } = sizesOf({ ...trajectory, episodes: trajectory.episodes })
      const result = cut(trajectory, sequenceLength)
      const written = result.pieces.reduce((sum, piece) => sum + piece.ids.length, 0)
      const dropped = result.dropped.reduce((sum, part) => sum + part.tokens, 0)
      assert.is(result.sourceTokens, header + steps.reduce((sum, size) => sum + size, 0))
      assert.is(written - result.repeatedHeaderTokens + dropped + result.untrained.tokens, result.sourceTokens)
      assert.ok(result.pieces.every((piece) => piece.ids.length <= sequenceLength))
      for (const { step, tokens } of result.dropped) assert.ok(tokens + (step < 0 ? 0 : 1) > sequenceLength)
      if (result.pieces.length > 1) seen.cut++
      seen.dropped += dropped
      seen.withoutHeader += result.piecesWithoutHeader
    }),
  )
  assert.ok(seen.cut > 5 && seen.dropped > 0 && seen.withoutHeader > 0, JSON.stringify(seen))
})

test.run()
