import fc from 'fast-check'
import { memoryBlobStore, sha256Hex, type BlobSpan, type SpanReader } from '../../src/core/index.js'
import { type Step, type Trajectory } from '../../src/records/index.js'
import { toolDefinitions } from '../../src/tools/index.js'

export const blobs = memoryBlobStore()

/** Keeps a text and gives the span that is all of it. */
export function spanOf(text: string): BlobSpan {
  const bytes = Buffer.from(text)
  return { blob: blobs.put(bytes), start: 0, end: bytes.length }
}

export const readSpan: SpanReader = ({ blob, start, end }) =>
  Buffer.from(blobs.get(blob).subarray(start, end)).toString('utf8')

/** What breaks renderers: special tokens as data, blank lines, white space at either end, other line ends, wide characters. */
const fragment = fc.constantFrom(
  ...['<|eot_id|>', '<|end_of_text|>', '\n', '\n\n', '\r\n', ' ', '    ', '\t', '\u00a0', '\u0085', '\ufeff'],
  ...[
    'const a = 1',
    'def f(x):',
    '}',
    '//',
    '# Plan',
    'Observation:',
    'End of action',
    'é',
    'e\u0301',
    '漢字',
    '👩‍👧',
    '42',
  ],
)
const anyText = fc.array(fragment, { maxLength: 12 }).map((parts) => parts.join(''))
const words = fc.constantFrom(
  'First the types.',
  'This follows the plan.',
  'Two lines\nof prose.',
  'It ends <|eot_id|> here.',
)

const path = fc.constantFrom('src/a.ts', 'src/b.py', 'README.md', 'odd name\n.js', '"quoted".ts', 'ends in a blank ')
const line = fc.integer({ min: 1, max: 900 })
const thought = fc.option(words.map((text) => ({ text, facts: [] })))
const content = anyText.map(spanOf)

const draft = fc.constantFrom<{ draft?: true }>({}, {}, { draft: true })

const writeStep = fc.record({ thought, path, content, draft }).map(({ thought, path, content, draft }): Step => ({
  thought,
  action: { tool: 'Write', path, content, ...draft },
  observation: null,
}))
const editStep = fc
  .record({ thought, path, content, line, draft, replacedLines: fc.integer({ min: 0, max: 9 }) })
  .map(({ thought, path, content, line, draft, replacedLines }): Step => ({
    thought,
    action: {
      tool: 'Edit',
      path,
      start: 40,
      end: 40 + replacedLines,
      startLine: line,
      replacedLines,
      content,
      ...draft,
    },
    observation: null,
  }))
const readStep = fc.record({ thought, path, content, line }).map(({ thought, path, content, line }): Step => ({
  thought,
  action: { tool: 'Read', path, start: 0, end: content.end, startLine: line },
  observation: content,
}))
const checkStep = fc.record({ thought, path, content: fc.option(content) }).map(({ thought, path, content }): Step => ({
  thought,
  action: { tool: 'Check', path },
  observation: content,
}))
const episode = fc.record({
  path,
  steps: fc.array(fc.oneof(writeStep, editStep, readStep, checkStep), { minLength: 1, maxLength: 5 }),
})

const noRepairs = { repairs: { askedAgain: 0, added: [], dropped: [], moved: [] }, calls: [] }

/** Trajectories of any form that the schema allows; they need not obey the replay law to be rendered. */
export const anyTrajectory = fc
  .record({
    requirements: fc.tuple(words, anyText).map((parts) => parts.join('\n')),
    plan: fc
      .record({ approach: words, files: fc.array(fc.record({ path, purpose: words }), { maxLength: 3 }) })
      .map((plan) => ({ ...noRepairs, ...plan })),
    episodes: fc.array(episode, { maxLength: 4 }),
  })
  .map((parts) => trajectoryOf('random', parts))

export function trajectoryOf(
  id: string,
  parts: Partial<Pick<Trajectory, 'requirements' | 'plan' | 'episodes' | 'domain'>> = {},
): Trajectory {
  return {
    schemaVersion: 2,
    id,
    name: id,
    domain: 'code',
    snapshot: sha256Hex(id),
    generator: { kind: 'test', version: 'test', model: '', parameters: {}, prompts: [] },
    tools: [...toolDefinitions],
    requirements: 'Write the library.',
    plan: { ...noRepairs, approach: 'Start with what others need.', files: [] },
    episodes: [],
    ...parts,
  }
}

/** A trajectory of Writes with contents of these sizes in bytes. */
export function trajectoryOfSizes(id: string, sizes: readonly number[], domain = 'code'): Trajectory {
  const steps = sizes.map((size, index): Step => ({
    thought: { text: `Step ${index} of ${id}.`, facts: [] },
    action: { tool: 'Write', path: `${index}.ts`, content: spanOf('x'.repeat(size)) },
    observation: null,
  }))
  return trajectoryOf(id, { domain, episodes: [{ path: '0.ts', steps }] })
}
