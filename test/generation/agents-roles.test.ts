import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { CoreError, RetraceError } from '../../src/core/index.js'
import { createNarrator, type Generator, type ThoughtRequest } from '../../src/generation/index.js'
import { thoughtSchema, generatorInfoSchema } from '../../src/records/index.js'
import { smallProject } from '../support.js'
import { agentsOver, failure, fakeModel, ground, politeAnswer, type ModelAnswer } from './agents-support.js'

const test = suite('agents')
const narrator = createNarrator()
const small = await ground(smallProject)
const written = new Set(['src/words.ts', 'src/header.ts', 'src/print.ts'])
const request: ThoughtRequest = {
  snapshot: small,
  path: 'src/index.ts',
  purpose: 'It passes on.',
  written,
  read: [],
  leadsTo: { kind: 'code', start: 0, end: 90, code: null },
}
const thought = 'I pass on what `print.ts` gives, so that users import one file.'

async function codeOf(promise: Promise<unknown>): Promise<string> {
  try {
    await promise
    return 'none'
  } catch (error) {
    assert.ok(error instanceof RetraceError, String(error))
    return error.code
  }
}

/** A model that gives these answers one after the other. */
const model = (...answers: ModelAnswer[]): ReturnType<typeof fakeModel> =>
  fakeModel((_, count) => answers[count - 1] ?? '')

test('a thought is what the model says, with its call and without facts', async () => {
  const fake = model(`Thought: ${thought}`)
  const result = await agentsOver(fake).thought(request)
  assert.is(result.text, thought)
  assert.equal(result.facts, [])
  assert.equal(thoughtSchema.parse(result), result)
  assert.ok(result.call)
  assert.equal(fake.asked[0]?.purpose, { unit: small.id, role: 'thinker-code', path: 'src/index.ts' })
  assert.is(fake.asked[0]?.request.maxNewTokens, 1_024)
  assert.is(fake.asked[0]?.request.answer, null)
})

test('each kind of step has a role of its own', async () => {
  const fake = fakeModel(() => thought)
  const agents = agentsOver(fake)
  await agents.thought({ ...request, leadsTo: { kind: 'read', paths: ['src/words.ts'] } })
  await agents.thought({ ...request, leadsTo: { kind: 'fix', start: 0, end: 9, check: 'no such name', code: null } })
  assert.equal(
    fake.asked.map(({ purpose }) => purpose.role),
    ['thinker-read', 'thinker-fix'],
  )
  assert.match(fake.sent('thinker-fix'), /The check says:\nno such name/)
  assert.match(fake.sent('thinker-read'), /src\/words\.ts: WordCounter/)
})

test('a part of a class and a mended line are told where they lie', async () => {
  const path = 'src/words.ts'
  const text = smallProject[path] ?? ''
  const at = text.indexOf('  count(word')
  const line = text.indexOf('    for (const word')
  const fake = fakeModel(() => thought)
  const agents = agentsOver(fake)
  await agents.thought({ ...request, path, leadsTo: { kind: 'code', start: at, end: text.length, code: null } })
  await agents.thought({
    ...request,
    path,
    leadsTo: { kind: 'fix', start: line, end: line + 60, check: 'no such name', code: null },
  })
  assert.match(fake.sent('thinker-code'), /You go on inside of WordCounter/)
  assert.match(fake.sent('thinker-code'), /have written: .*splitWords/)
  assert.match(fake.sent('thinker-fix'), /What you mend lies in WordCounter, in it add\./)
  assert.match(fake.sent('thinker-fix'), /export function splitWords/)
  await agents.thought({
    ...request,
    path,
    leadsTo: { kind: 'fix', start: 0, end: text.length, check: 'all of it', code: null },
  })
  assert.not.match(fake.asked.at(-1)?.request.messages[1]?.content ?? '', /lies in/)
  const second = text.indexOf('/** How often')
  await agents.thought({ ...request, path, leadsTo: { kind: 'code', start: second, end: text.length, code: null } })
  assert.not.match(fake.asked.at(-1)?.request.messages[1]?.content ?? '', /inside of/)
})

test('a useless answer is asked for again with what was wrong with it, and the first usable one is taken', async () => {
  const fake = model('<think>Hm.</think>', failure('ANSWER_EMPTY'), thought)
  const result = await agentsOver(fake).thought(request)
  assert.is(result.text, thought)
  const prompts = fake.asked.map(({ request: { messages } }) => messages[1]?.content ?? '')
  assert.not.match(prompts[0] ?? '', /last answer/)
  assert.match(prompts[1] ?? '', /Your last answer could not be used\. It says nothing\./)
  assert.is(new Set(fake.asked.map(({ request: { seed } }) => seed)).size, 3)
})

test("where nothing can be used the narrator's words stand, with their facts and without a call", async () => {
  const fake = fakeModel(() => '...')
  const agents = agentsOver(fake, { maxAsks: 1 })
  assert.equal(await agents.thought(request), await narrator.thought(request))
  assert.is(fake.asked.length, 2)
  const overview = await agents.overview(small, [])
  const expected = await narrator.overview(small, [])
  assert.equal([overview.requirements, overview.approach], [expected.requirements, expected.approach])
  assert.equal([overview.files, overview.calls], [[], []])
  const candidates = [...written].map((path) => ({ path, names: ['x'] }))
  const reads = await agents.chooseReads({ ...request, candidates, maxReads: 2 })
  assert.equal(reads, { paths: ['src/words.ts', 'src/header.ts'] })
})

test('without a fallback such a repository is refused', async () => {
  const agents = agentsOver(
    fakeModel(() => '...'),
    { fallback: 'reject' },
  )
  assert.is(await codeOf(agents.thought(request)), 'ANSWER_UNUSABLE')
  assert.is(await codeOf(agents.overview(small, [])), 'ANSWER_UNUSABLE')
  const candidates = [{ path: 'src/words.ts', names: ['x'] }]
  assert.is(await codeOf(agents.chooseReads({ ...request, candidates, maxReads: 2 })), 'ANSWER_UNUSABLE')
  assert.equal(await agents.rewrite(request, { text: 'Best.', facts: [] }, new Set(), 2, 's'), [])
})

test('a prompt that is too long is sent once more at half its length', async () => {
  const fake = fakeModel((_, count) => (count === 1 ? failure('CONTEXT_TOO_LONG') : thought))
  const result = await agentsOver(fake).thought(request)
  assert.is(result.text, thought)
  const lengths = fake.asked.map(({ request: { messages } }) => messages.map(({ content }) => content).join('').length)
  assert.is(lengths.length, 2)
  assert.ok((lengths[1] ?? 0) < (lengths[0] ?? 0), lengths.join(' '))

  const never = fakeModel(() => failure('CONTEXT_TOO_LONG'))
  assert.equal(await agentsOver(never).thought(request), await narrator.thought(request))
  assert.is(never.asked.length, 2)
})

test('a refused request is not asked again', async () => {
  const fake = fakeModel(() => failure('REQUEST_REFUSED'))
  assert.equal(await agentsOver(fake).thought(request), await narrator.thought(request))
  assert.is(fake.asked.length, 1)
})

test('what ends every call goes through, whoever asks', async () => {
  const errors = [
    'BUDGET_SPENT',
    'ENDPOINT_UNREACHABLE',
    'ENDPOINT_REFUSED',
    'API_KEY_MISSING',
    'CALLS_BROKEN',
  ] as const
  for (const error of [...errors.map(failure), new CoreError('ABORTED', 'stopped')]) {
    const agents: Generator = agentsOver(fakeModel(() => error))
    const candidates = [{ path: 'src/words.ts', names: ['x'] }]
    for (const call of [
      agents.overview(small, []),
      agents.thought(request),
      agents.chooseReads({ ...request, candidates, maxReads: 1 }),
      agents.attempt(request),
      agents.rewrite(request, { text: 'Best.', facts: [] }, new Set(), 2, 's'),
    ]) {
      assert.is(await codeOf(call), error.code)
    }
  }
})

test('an overview has the words and the files of the model, and all calls behind them', async () => {
  const fake = fakeModel(politeAnswer)
  const overview = await agentsOver(fake).overview(small, [])
  assert.is(overview.requirements, 'A counter of words is needed.')
  assert.is(overview.approach, 'I begin with the words.')
  assert.equal(
    overview.files.map(({ path }) => path),
    small.order,
  )
  assert.is(new Set(overview.calls).size, 2)
  const schema = fake.asked.find(({ purpose }) => purpose.role === 'plan')?.request.answer?.schema
  assert.match(JSON.stringify(schema), /"path".*"purpose"/)
})

test('of answers that were cut no half sentence is kept', async () => {
  const files = [
    { path: small.order[0], purpose: 'whole' },
    { path: small.order[1], purpose: 'cut in the mi' },
  ]
  const fake = fakeModel(({ purpose: { role } }) => {
    const answer =
      role === 'plan' ? { files } : { requirements: 'Whole. As a who', approach: 'I begin with words. Then I ta' }
    return { cut: JSON.stringify(answer).replace(/"\}\]?\}?$/, '') }
  })
  const overview = await agentsOver(fake, { maxAsks: 0 }).overview(small, [])
  assert.equal(overview.files, [files[0]])
  assert.equal([overview.requirements, overview.approach], ['Whole.', 'I begin with words.'])
})

test('asked again for files it asks for those alone, and says what was wrong', async () => {
  const fake = fakeModel(politeAnswer)
  const { files, requirements } = await agentsOver(fake).overview(small, ['Two have no entry.'], ['src/words.ts'])
  assert.equal(files, [{ path: 'src/words.ts', purpose: 'holds src/words.ts' }])
  assert.is(requirements, '')
  assert.equal(
    fake.asked.map(({ purpose }) => purpose.role),
    ['plan'],
  )
  assert.match(fake.sent(), /An earlier plan had gaps:\nTwo have no entry\./)
  assert.not.match(fake.sent(), /print\.ts/)
})

test('a purpose is one line of bounded length', async () => {
  const purposes = ['first\n\n  second \ud800', 'x'.repeat(900), 'word '.repeat(200)]
  const files = purposes.map((purpose, at) => ({ path: small.order[at], purpose }))
  const fake = fakeModel((asked) => (asked.purpose.role === 'plan' ? JSON.stringify({ files }) : politeAnswer(asked)))
  const overview = await agentsOver(fake).overview(small, [])
  const [first, second = '', third = ''] = overview.files.map(({ purpose }) => purpose)
  assert.is(first, 'first second \ufffd')
  assert.ok(second.length === 240 && third.length <= 240 && third.endsWith('word…'), third)
})

test('an answer with room for few entries is asked for in more batches', async () => {
  const fake = fakeModel(politeAnswer)
  const { files } = await agentsOver(fake, { maxNewTokens: { overview: 200 } }).overview(small, [])
  const batches = fake.asked.filter(({ purpose }) => purpose.role === 'plan')
  assert.ok(batches.length > 2, `${batches.length} batches`)
  assert.match(batches[1]?.request.messages[1]?.content ?? '', new RegExp(`Batch of files: 2 of ${batches.length}\\.`))
  assert.equal(
    files.map(({ path }) => path),
    small.order,
  )
})

test('of the files to read, those that are written count, each once and no more than allowed', async () => {
  const names = ['./src/print.ts', 'src/print.ts', 'src/empty.ts', 'nowhere.ts', 'src/index.ts', 'src\\words.ts']
  const candidates = [{ path: 'src/words.ts', names: ['WordCounter'] }]
  const reads = async (maxReads: number, read: string[]): Promise<string[]> => {
    const agents = agentsOver(model(JSON.stringify({ read })))
    const { paths, call } = await agents.chooseReads({ ...request, candidates, maxReads })
    assert.match(call ?? 'no call', /^[0-9a-f]{64}$/)
    return paths
  }
  assert.equal(await reads(8, names), ['src/print.ts', 'src/words.ts'])
  assert.equal(await reads(1, names), ['src/print.ts'])
  assert.equal(await reads(8, []), [])
  const fake = model()
  assert.equal(await agentsOver(fake).chooseReads({ ...request, candidates: [], maxReads: 8 }), { paths: [] })
  assert.is(fake.asked.length, 0)
})

test('rewrites are one call each; those that say nothing new are asked for again, then left out', async () => {
  const best = { text: 'The best one.', facts: [] }
  const tried = new Set(['It was tried.'])
  let calls = 0
  const fake = fakeModel(({ request: { messages } }) => {
    calls++
    if (messages[1]?.content.includes('said already')) return 'This is new.'
    return calls === 1 ? 'The best one.' : calls === 2 ? 'It was tried.' : 'It is another.'
  })
  const rewrites = await agentsOver(fake).rewrite(request, best, tried, 4, 'r')
  assert.equal(
    rewrites.map(({ text }) => text),
    ['This is new.', 'It is another.'],
  )
  assert.ok(rewrites.every(({ call, facts }) => call !== undefined && facts.length === 0))
  assert.is(fake.asked.length, 6)
})

test('an attempt is the code of the answer; one that was cut or says nothing is none', async () => {
  const attempt = async (answer: ModelAnswer): Promise<string | null> => {
    const result = await agentsOver(model(answer)).attempt(request)
    if (result !== null) assert.match(result.call ?? '', /./)
    return result?.code ?? null
  }
  assert.is(await attempt('Sure:\n```ts\nexport const print = 1\n```'), 'export const print = 1\n')
  assert.is(await attempt('export const print = 1'), 'export const print = 1\n')
  assert.is(await attempt('I cannot do that.'), null)
  assert.is(await attempt({ cut: '```ts\nexport const print' }), null)
  assert.is(await attempt('```\n```'), null)
  assert.is(await attempt(failure('ANSWER_EMPTY')), null)
  const fake = model('```\n```', '```\nx\n```')
  await agentsOver(fake, { fallback: 'reject' }).attempt(request)
  assert.is(fake.asked.length, 1)
})

test('what was cut in mid-sentence loses its tail', async () => {
  const result = await agentsOver(model({ cut: `${thought} Then I` })).thought(request)
  assert.is(result.text, thought)
})

test('the records say who wrote: model, parameters and the system text of every role', () => {
  const { info } = agentsOver(model())
  assert.equal(generatorInfoSchema.parse(info), info)
  assert.equal([info.kind, info.model], ['endpoint', 'fake'])
  assert.ok(info.prompts.length >= 5 && info.prompts.every(({ system }) => system.length > 50))
})

test.run()
