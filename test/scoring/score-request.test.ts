import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { answerScoreRequest, createScorer, type ScoreAnswer } from '../../src/scoring/index.js'
import { loadTokenizer } from '../../src/tokenizer/index.js'
import { assertClose, rejects } from './contract.js'

const test = suite('score request')

const modelDir = join(process.env.RETRACE_ROOT ?? process.cwd(), 'test/scoring/fixtures/tiny-llama')
const [scorer, tokenizer] = await Promise.all([createScorer({ modelDir }), loadTokenizer(modelDir)])
const ask = (request: unknown): Promise<ScoreAnswer> => answerScoreRequest(JSON.stringify(request), scorer, tokenizer)
const ids = (text: string): number[] => [...tokenizer.encode(text)]

test.after(() => scorer.dispose())

function scored(answer: ScoreAnswer) {
  if ('error' in answer) throw new Error(answer.error.message)
  return answer.branches
}

test('text and its token ids give the same answer', async () => {
  const [prefix, context, target] = ['import { join }\n', '// why\n', 'return join(folder)\n']
  const byText = scored(await ask({ id: 'a', prefix, branches: [{ context, target }] }))
  const byIds = scored(
    await ask({ id: 7, prefix: ids(prefix), branches: [{ context: ids(context), target: ids(target) }] }),
  )
  assert.equal(byText, byIds)
  assert.is(byText[0]!.tokens, ids(target).length)
})

test('sum and mean are those of the log-probabilities, and a split target has the same sum', async () => {
  const [first, second] = [ids('const config = '), ids('JSON.parse(text)')]
  const [whole] = scored(
    await ask({ id: 1, prefix: 'a\n', branches: [{ context: '', target: [...first, ...second] }] }),
  )
  const parts = scored(
    await ask({
      id: 1,
      prefix: 'a\n',
      branches: [
        { context: '', target: first },
        { context: first, target: second },
      ],
    }),
  )
  assertClose([whole!.sum], [whole!.logProbs.reduce((sum, value) => sum + value, 0)])
  assertClose([whole!.mean], [whole!.sum / (first.length + second.length)])
  assertClose([parts[0]!.sum + parts[1]!.sum], [whole!.sum], 1e-4)
})

const bad: [what: string, request: unknown, id: unknown, code: string][] = [
  ['an unknown key', { id: 'x', prefix: 'a', branches: [], foo: 1 }, 'x', 'INVALID_REQUEST'],
  ['a prefix that is a number', { id: 'x', prefix: 3, branches: [] }, 'x', 'INVALID_REQUEST'],
  ['no id', { prefix: 'a', branches: [] }, null, 'INVALID_REQUEST'],
  ['an unknown token', { id: 3, prefix: [512], branches: [] }, 3, 'TOKEN_OUT_OF_RANGE'],
  ['an empty target', { id: 3, prefix: 'a', branches: [{ context: 'b', target: '' }] }, 3, 'EMPTY_TARGET'],
  ['nothing before its target', { id: 3, prefix: '', branches: [{ context: '', target: 'a' }] }, 3, 'INVALID_BRANCH'],
  ['too long a prefix', { id: 3, prefix: Array(2049).fill(1), branches: [] }, 3, 'CONTEXT_TOO_LONG'],
]
for (const [what, request, id, code] of bad) {
  test(`a request with ${what} is answered by an error with its id and code`, async () => {
    const answer = await ask(request)
    assert.ok('error' in answer, 'it was accepted')
    assert.equal([answer.id, answer.error.code], [id, code])
  })
}

test('a line that is not JSON is answered by an error', async () => {
  const answer = await answerScoreRequest('{"id": 1,', scorer, tokenizer)
  assert.ok('error' in answer && answer.error.code === 'INVALID_REQUEST' && answer.id === null)
})

test('a scorer that is gone is no answer but an error for the caller', async () => {
  const gone = await createScorer({ modelDir })
  await gone.dispose()
  const line = JSON.stringify({ id: 1, prefix: 'a', branches: [{ context: '', target: 'b' }] })
  await rejects(answerScoreRequest(line, gone, tokenizer), 'BACKEND_DIED')
})

test.run()
