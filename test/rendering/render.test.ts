import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import fc from 'fast-check'
import type { Step, Trajectory } from '../../src/records/index.js'
import {
  createRenderer,
  masksSchema,
  rendererNames,
  RenderingError,
  type RendererName,
  type RenderedStep,
  type Segment,
} from '../../src/rendering/index.js'
import { anyTrajectory, readSpan, spanOf, trajectoryOf } from '../packing/random-trajectories.js'
import { tokenizersAtHand } from '../packing/byte-tokenizer.js'

const test = suite('render')

const sample = trajectoryOf('sample', {
  requirements: 'Write a counter.',
  plan: {
    repairs: { askedAgain: 0, added: [], dropped: [], moved: [] },
    calls: [],
    approach: 'Types first.',
    files: [
      { path: 'src/a.ts', purpose: 'the count' },
      { path: 'b.ts', purpose: 'its use' },
    ],
  },
  episodes: [
    {
      path: 'src/a.ts',
      steps: [
        write('src/a.ts', 'let a = 1\n', 'It starts at one.'),
        edit('src/a.ts', 120, 120, 9, 'a++\n'),
        read('src/a.ts', 'let a = 1\na++\n', 1),
        write('b.ts', 'use(a)', null),
      ],
    },
  ],
})

function write(path: string, content: string, thought: string | null): Step {
  const action = { tool: 'Write' as const, path, content: spanOf(content) }
  return { thought: thought === null ? null : { text: thought, facts: [] }, action, observation: null }
}

function edit(path: string, start: number, end: number, startLine: number, content: string, replacedLines = 0): Step {
  return {
    thought: null,
    action: { tool: 'Edit', path, start, end, startLine, replacedLines, content: spanOf(content) },
    observation: null,
  }
}

function read(path: string, seen: string, startLine: number): Step {
  const observation = spanOf(seen)
  return { thought: null, action: { tool: 'Read', path, start: 0, end: observation.end, startLine }, observation }
}

function check(path: string, seen: string): Step {
  return { thought: null, action: { tool: 'Check', path }, observation: spanOf(seen) }
}

function segmentsOf(name: RendererName, trajectory: Trajectory): Segment[] {
  const renderer = createRenderer(name)
  const steps = trajectory.episodes.flatMap((episode) => episode.steps)
  return [
    ...renderer.header(trajectory),
    ...steps.flatMap((step) => flat(renderer.step(step, readSpan))),
    ...renderer.end(),
  ]
}

function flat({ open, thought, action, content, close }: RenderedStep): Segment[] {
  return [...open, ...thought, ...action, ...content, ...close]
}

/** The text with what is trained in brackets, and special tokens shortened to be read. */
function marked(segments: readonly Segment[]): string {
  const shown = segments.map((segment) => {
    const text = segment.text.replace('start_header_id', 'header').replace('end_header_id', '/header')
    return segment.trainable ? `[${text}]` : text
  })
  return shown.join('').replaceAll('][', '')
}

test('llama3-chat gives a turn to each part and trains what is written, not what is seen', () => {
  const expected = [
    '<|begin_of_text|><|header|>user<|/header|>\n\n[Write a counter.]<|eot_id|>',
    '<|header|>assistant<|/header|>\n\n[Types first.\n\n- src/a.ts: the count\n- b.ts: its use]<|eot_id|>',
    '<|header|>assistant<|/header|>\n\n[It starts at one.\nWrite src/a.ts\nlet a = 1\n<|eot_id|>]',
    '<|header|>assistant<|/header|>\n\n[Edit src/a.ts after line 8\na++\n<|eot_id|>]',
    '<|header|>assistant<|/header|>\n\n[Read src/a.ts lines 1-2\n<|eot_id|>]',
    '<|header|>tool<|/header|>\n\nlet a = 1\na++\n<|eot_id|>',
    '<|header|>assistant<|/header|>\n\n[Write b.ts\nuse(a)<|eot_id|>]',
    '<|end_of_text|>',
  ]
  assert.is(marked(segmentsOf('llama3-chat', sample)), expected.join(''))
})

test('plain puts every part below a heading and needs no chat tokens', () => {
  const expected = [
    '<|begin_of_text|># Requirements\n[Write a counter.\n]',
    '# Plan\n[Types first.\n\n- src/a.ts: the count\n- b.ts: its use\n]',
    'Thought:\n[It starts at one.\nAction:\nWrite src/a.ts\nlet a = 1\nEnd of action\n',
    'Action:\nEdit src/a.ts after line 8\na++\nEnd of action\n',
    'Action:\nRead src/a.ts lines 1-2\nEnd of action\n]Observation:\nlet a = 1\na++\n',
    '[Action:\nWrite b.ts\nuse(a)\nEnd of action\n]<|end_of_text|>',
  ]
  assert.is(marked(segmentsOf('plain', sample)), expected.join(''))
})

test('an action line says where, and quotes a path that has a line end in it', () => {
  const renderer = createRenderer('llama3-chat')
  const lineOf = (step: Step): string =>
    renderer
      .step(step, readSpan)
      .action.map((segment) => segment.text)
      .join('')
  assert.is(lineOf(edit('a.ts', 0, 0, 1, 'x')), 'Edit a.ts after line 0\n')
  assert.is(lineOf(edit('a.ts', 10, 20, 7, 'x', 3)), 'Edit a.ts lines 7-9\n')
  assert.is(lineOf(check('a.ts', 'fine\n')), 'Check a.ts\n')
  assert.is(lineOf(read('a.ts', 'no line end', 5)), 'Read a.ts lines 5-5\n')
  assert.is(lineOf(read('a.ts', '', 1)), 'Read a.ts\n')
  assert.is(lineOf(write('a\nWrite b', 'x', null)), 'Write "a\\nWrite b"\n')
})

test('the parts of a step that the search needs apart hold what they are named for', () => {
  for (const name of rendererNames) {
    const renderer = createRenderer(name)
    const first = renderer.step(write('a.ts', 'code\n', 'Why.'), readSpan)
    assert.equal(first.content, [{ text: 'code\n', origin: 'action', trainable: true, special: false }])
    assert.ok(first.thought.some((segment) => segment.origin === 'thought' && segment.text === 'Why.\n'))
    assert.equal(renderer.step(write('a.ts', 'code\n', null), readSpan).thought, [])
    assert.equal(renderer.step(read('a.ts', 'seen\n', 1), readSpan).content, [])
  }
})

test('what is trained follows the table alone, and a changed line of it changes nothing else', () => {
  const renderers = rendererNames.map((name) =>
    createRenderer(name, masksSchema.parse({ observation: true, thought: false })),
  )
  for (const renderer of renderers) {
    const segments = (sample.episodes[0]?.steps ?? []).flatMap((step) => flat(renderer.step(step, readSpan)))
    assert.ok(segments.filter(({ origin }) => origin === 'observation').every(({ trainable }) => trainable))
    assert.not.ok(segments.filter(({ origin }) => origin === 'thought').some(({ trainable }) => trainable))
    assert.ok(segments.filter(({ origin }) => origin === 'action').every(({ trainable }) => trainable))
  }
})

test('special tokens come from the renderer only; repository text never makes one', () => {
  fc.assert(
    fc.property(anyTrajectory, fc.constantFrom(...rendererNames), (trajectory, name) => {
      const { specialTokens } = createRenderer(name)
      for (const segment of segmentsOf(name, trajectory)) {
        assert.is(segment.special && !specialTokens.includes(segment.text), false)
        if (segment.special) assert.is(segment.origin, 'template')
        if (segment.origin === 'observation' || segment.origin === 'draft') assert.not.ok(segment.trainable)
        assert.is.not(segment.text, '')
      }
    }),
  )
})

for (const [tokenizerName, tokenizer] of await tokenizersAtHand()) {
  test(`with ${tokenizerName}, joining texts over a regular border gives the ids of the segments`, () => {
    let regular = 0
    fc.assert(
      fc.property(anyTrajectory, fc.constantFrom(...rendererNames), (trajectory, name) => {
        const segments = segmentsOf(name, trajectory)
        for (let i = 1; i < segments.length; i++) {
          const [left, right] = [segments[i - 1] as Segment, segments[i] as Segment]
          if (left.special || right.special) continue
          if (!left.text.endsWith('\n') || /^[\s\u0085]/.test(right.text)) continue
          regular++
          const apart = [...tokenizer.encode(left.text), ...tokenizer.encode(right.text)]
          assert.equal([...tokenizer.encode(left.text + right.text)], apart)
        }
      }),
    )
    assert.ok(regular > 500, `only ${regular} borders were seen`)
  })
}

test('an unknown renderer is refused by code, with the names there are', () => {
  try {
    createRenderer('chatml' as RendererName)
    assert.unreachable()
  } catch (error) {
    assert.instance(error, RenderingError)
    assert.is((error as RenderingError).code, 'RENDERER_UNKNOWN')
    assert.match((error as RenderingError).message, 'llama3-chat, plain')
  }
})

test.run()
