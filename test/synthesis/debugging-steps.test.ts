import fc from 'fast-check'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { memoryBlobStore, type SpanReader } from '../../src/core/index.js'
import { createNarrator, type Generator, type ThoughtRequest } from '../../src/generation/index.js'
import { groundingOptionsSchema, groundRepository } from '../../src/grounding/index.js'
import { trajectorySchema, type Episode, type Step } from '../../src/records/index.js'
import {
  replayTrajectory,
  synthesisOptionsSchema,
  synthesizeTrajectory,
  thoughtRequestFor,
} from '../../src/synthesis/index.js'
import { differentLines } from '../../src/synthesis/debugging/debugging-steps.js'
import { smallProject, writeRepository, type Synthesized } from '../support.js'

const test = suite('debugging episodes')

interface DebuggedProject extends Synthesized {
  requests: ThoughtRequest[]
}

/** Synthesizes a folder with a wrong first version of every file that can have one, and replays it. */
async function debugFolder(
  folder: string,
  { attemptShare = 0, showCode = false, maxActionBytes = 12_000, seed = 0 } = {},
  change: (narrator: Generator) => Partial<Generator> = () => ({}),
): Promise<DebuggedProject> {
  const blobs = memoryBlobStore()
  const snapshot = await groundRepository(folder, groundingOptionsSchema.parse({}), blobs)
  const narrator = createNarrator()
  const requests: ThoughtRequest[] = []
  const generator: Generator = {
    ...narrator,
    ...change(narrator),
    thought: (request) => {
      requests.push(request)
      return narrator.thought(request)
    },
  }
  const options = synthesisOptionsSchema.parse({ debugging: { share: 1, attemptShare }, showCode, maxActionBytes })
  const trajectory = trajectorySchema.parse(await synthesizeTrajectory(snapshot, generator, options, blobs, seed))
  await replayTrajectory(trajectory, snapshot, blobs)
  const read: SpanReader = ({ blob, start, end }) => Buffer.from(blobs.get(blob).subarray(start, end)).toString('utf8')
  return { snapshot, trajectory, blobs, read, requests }
}

const debugged = ({ trajectory }: Synthesized): Episode[] =>
  trajectory.episodes.filter((episode) => episode.debugging !== undefined)

const isDraft = ({ action }: Step): boolean => 'draft' in action && action.draft === true

const semver = await debugFolder(join(process.env['RETRACE_ROOT'] ?? process.cwd(), 'node_modules', 'semver'), {
  maxActionBytes: 2_000,
})

test('most files of a real package get a fault that is written, seen, mended and gone', () => {
  const episodes = debugged(semver)
  assert.ok(episodes.length > 20, `only ${episodes.length} of ${semver.trajectory.episodes.length}`)
  for (const { path, steps, debugging } of episodes) {
    assert.is(debugging?.kind, 'fault')
    assert.is(steps.filter(isDraft).length, 1, path)
    const [failing, mending, passing] = steps.slice(-3) as [Step, Step, Step]
    assert.is(failing.action.tool, 'Check')
    assert.match(semver.read(failing.observation!), /\d+ problems? found in /)
    assert.ok(mending.action.tool === 'Edit')
    const truth = semver.blobs.get(mending.action.content.blob)
    const { start, end } = mending.action.content
    assert.ok(start === 0 || truth[start - 1] === 0x0a, `${path} is mended from inside a line`)
    assert.ok(end === truth.length || end === 0 || truth[end - 1] === 0x0a, `${path} is mended up to inside a line`)
    assert.is(mending.action.tool, 'Edit')
    assert.ok(mending.thought !== null && !isDraft(mending))
    assert.is(passing.action.tool, 'Check')
    assert.is(semver.read(passing.observation!), `no problems found in ${path}\n`)
  }
})

test('a fault in one part of a file leaves the other parts as they are in the repository', () => {
  const several = debugged(semver).filter(({ steps }) => steps.filter(({ action }) => 'content' in action).length > 2)
  assert.ok(several.length > 3, `only ${several.length} files of several parts`)
  for (const { path, steps } of several) {
    const blob = semver.snapshot.files.find((file) => file.path === path)?.blob
    for (const { action } of steps) {
      if (!('content' in action)) continue
      assert.is(action.content.blob === blob, action.draft !== true, path)
    }
  }
})

test('the thought on the mending says what the check said, and nothing of the code that mends', () => {
  for (const { path, steps } of debugged(semver)) {
    const [failing, mending] = steps.slice(-3) as [Step, Step]
    const [, line, what] = /:(\d+): (.*)/.exec(semver.read(failing.observation!)) ?? []
    assert.ok(mending.thought?.text.includes(`in line ${line}, ${what}`) === true, `${path}: ${mending.thought?.text}`)
    assert.ok(mending.thought?.facts.includes('goal'))
  }
})

test('the search gets the requests that synthesis used', async () => {
  for (const showCode of [false, true]) {
    const project = await debugFolder(writeRepository(smallProject), { showCode, maxActionBytes: 300 })
    const { trajectory, snapshot, read } = project
    let compared = 0
    trajectory.episodes.forEach((episode, at) => {
      const asked = project.requests.filter(({ path }) => path === episode.path)
      episode.steps.forEach((step, index) => {
        if (step.thought === null) return
        const was = asked.shift()
        // The search leaves out the thought before a draft: its request is about the true part.
        if (isDraft(step) || was === undefined) return
        const again = thoughtRequestFor(snapshot, trajectory, at, index, read, showCode)
        for (const path of snapshot.order) assert.is(again.written.has(path), was.written.has(path))
        assert.equal({ ...again, written: null, snapshot: null }, { ...was, written: null, snapshot: null })
        compared++
      })
    })
    assert.ok(compared > 8, `only ${compared} requests`)
    assert.ok(project.requests.some(({ leadsTo }) => leadsTo.kind === 'fix'))
  }
})

test('the same seed gives the same episodes, and share 0 gives none', async () => {
  const folder = writeRepository(smallProject)
  const [first, again, other] = [
    await debugFolder(folder),
    await debugFolder(folder),
    await debugFolder(folder, { seed: 7 }),
  ]
  assert.equal(again.trajectory, first.trajectory)
  assert.ok(debugged(first).length >= 4, `${debugged(first).length}`)
  assert.not.equal(other.trajectory.episodes, first.trajectory.episodes)
})

test('an attempt of the writer is written as a draft, checked and turned into the true file', async () => {
  const truth = smallProject['src/words.ts'] as string
  const callOfAttempt = 'a'.repeat(64)
  const attempts: Record<string, string> = {
    'src/words.ts': truth.replace('words.js', 'wrods.js').replace('splitWords(text))', 'splitWord(text))'),
    'src/header.ts': "import { width } from './print.js'\n\nexport const header = (): string => width(\n",
  }
  const project = await debugFolder(writeRepository(smallProject), { attemptShare: 1 }, () => ({
    attempt: ({ path }) => {
      const code = attempts[path]
      return Promise.resolve(code === undefined ? null : { code, call: callOfAttempt })
    },
  }))
  const episodes = debugged(project).filter((episode) => episode.debugging?.kind === 'attempt')
  assert.ok(
    episodes.some(({ path }) => path === 'src/words.ts'),
    'no attempt was used',
  )
  for (const { path, steps, debugging } of episodes) {
    assert.is(debugging?.call, callOfAttempt)
    const draft = steps.find(isDraft)
    assert.ok(draft?.action.tool === 'Write')
    assert.is(project.read(draft.action.content), attempts[path])
  }
  const edit = episodes.find(({ path }) => path === 'src/words.ts')?.steps.at(-2)?.action
  assert.ok(edit?.tool === 'Edit')
  assert.is(edit.replacedLines, 1)
})

test('an attempt that is right, empty, too long or no text is not used', async () => {
  const folder = writeRepository({ 'a.ts': 'export const a = 1\n' })
  for (const attempt of ['export const a = 1\n', 'export const a = 2\n', '', 'f('.repeat(50_000), 'f(\ud800\n']) {
    const project = await debugFolder(folder, { attemptShare: 1 }, () => ({
      attempt: () => Promise.resolve({ code: attempt }),
    }))
    assert.is(
      debugged(project).filter((episode) => episode.debugging?.kind === 'attempt').length,
      0,
      attempt.slice(0, 20),
    )
  }
})

test('the lines that differ are found whatever the line ends', () => {
  const cases = [
    ['a\nb\nc\n', 'a\nB\nc\n'],
    ['a\r\nb\r\n', 'a\r\n\r\nb\r\n'],
    ['a', 'a\n'],
    ['a\nb', 'b'],
    ['', 'a\nb\n'],
    ['a\na\na\n', 'a\na\n'],
    ['x\ny\n', 'y\nx\n'],
  ]
  for (const [draft = '', truth = ''] of cases) {
    const { wrongLines, trueLines } = differentLines(Buffer.from(draft), Buffer.from(truth))
    const fixed =
      draft.slice(0, wrongLines.start) + truth.slice(trueLines.start, trueLines.end) + draft.slice(wrongLines.end)
    assert.is(fixed, truth, draft)
    assert.ok(wrongLines.start <= wrongLines.end && trueLines.start <= trueLines.end)
    assert.is(trueLines.start, wrongLines.start)
  }
})

const line = fc.constantFrom(
  'export function first(path: string, options: object): string { return path + String(options) }',
  'export const value = [1, 2, 3].map((one) => one + 1)',
  '// grüße 🎉',
  '',
  'export class Box {\n  size(count: number): number {\n    if (count > 1) return count\n    return 0\n  }\n  twice(): number {\n    return this.size(2)\n  }\n}',
  'export async function later(): Promise<void> {\n  await later()\n}',
)

test('whatever the files, a trajectory with every file debugged replays', async () => {
  const file = fc.tuple(fc.array(line, { minLength: 1, maxLength: 8 }), fc.constantFrom('\n', '\r\n'), fc.boolean())
  let seen = 0
  const property = fc.asyncProperty(
    fc.array(file, { minLength: 1, maxLength: 4 }),
    fc.nat(1000),
    async (files, seed) => {
      const contents = files.map(([lines, end, isEnded], at) => {
        const text = [...new Set(lines)].join('\n').replaceAll('\n', end) + (isEnded ? end : '')
        return [`src/f${at}.ts`, text === '' ? ' ' : text] as const
      })
      const repository = { 'package.json': '{ "name": "random" }', ...Object.fromEntries(contents) }
      seen += debugged(await debugFolder(writeRepository(repository), { maxActionBytes: 256, seed })).length
    },
  )
  await fc.assert(property, { numRuns: 25, seed: 4 })
  assert.ok(seen > 15, `only ${seen} debugging episodes`)
})

test.run()
