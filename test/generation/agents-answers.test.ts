import * as fc from 'fast-check'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { z } from 'zod'
import { matchPath } from '../../src/generation/index.js'
import { listAnswer, objectAnswer } from '../../src/generation/agents/read-json.js'
import { readCode, readLine, readProse } from '../../src/generation/agents/read-text.js'

const test = suite('reading answers')
const plan = listAnswer('files', z.object({ path: z.string(), purpose: z.string() }))
const words = objectAnswer(z.object({ requirements: z.string(), approach: z.string() }))
const reads = listAnswer('read', z.string())

const first = { path: 'a.ts', purpose: "the user's list" }
const second = { path: 'b.ts', purpose: 'b' }

test('JSON is read in every dress that models put it in', () => {
  const json = JSON.stringify({ files: [first, second] })
  const forms: Record<string, string> = {
    bare: json,
    fenced: `Here is the plan:\n\`\`\`json\n${json}\n\`\`\`\nGood luck!`,
    'fence that never ends': `\`\`\`json\n${json}`,
    'between prose': `Sure [as you asked]! The plan is ${json} and that is all.`,
    'fenced behind brackets': `Of [1], {2}, [3], (4) and [5] I make\n\`\`\`\n${json}\n\`\`\``,
    'thought aloud': `<think>first {"files": []} maybe</think>${json}`,
    'thought aloud, opened by the server': `I might {"files": []}</think>\n${json}`,
    'trailing commas': `{"files": [{"path": "a.ts", "purpose": "the user's list",}, {"path": "b.ts", "purpose": "b",},],}`,
    'single quotes': `{'files': [{'path': 'a.ts', 'purpose': "the user's list"}, {'path': 'b.ts', 'purpose': 'b'}]}`,
    'no quotes at keys': `{files: [{path: "a.ts", purpose: "the user's list"}, {path: "b.ts", purpose: "b"}]}`,
    'comments and Python words': `{"files": [{"path": "a.ts", "purpose": "the user's list", "done": False}, /* more */ {"path": "b.ts", "purpose": "b"}]}`,
    'a list by itself': JSON.stringify([first, second]),
  }
  for (const [form, text] of Object.entries(forms)) assert.equal(plan.read(text), { value: [first, second] }, form)
})

test('JSON that was cut gives the entries that are whole', () => {
  const json = JSON.stringify({ files: [first, second] })
  assert.equal(plan.read(json.slice(0, json.indexOf('"purpose":"b"'))), { value: [first] })
  assert.equal(plan.read(`\`\`\`json\n${json.slice(0, -4)}`), { value: [first, second] })
  assert.equal(words.read('{"requirements": "a", "approach": "b and'), {
    value: { requirements: 'a', approach: 'b and' },
  })
})

test('entries of a wrong form are left out, and an empty list is an answer', () => {
  assert.equal(plan.read(JSON.stringify({ files: [{ path: 3 }, first, 'x', null] })), { value: [first] })
  assert.equal(reads.read('{"read": []}'), { value: [] })
  assert.equal(reads.read('Of [b.ts] I take {"read": ["a.ts"]}'), { value: ['a.ts'] })
  assert.equal(reads.read('{"why": ["x"], "read": ["a.ts"]}'), { value: ['a.ts'] })
  assert.equal(reads.read('["b.ts"]\n{"read": ["a.ts"]}'), { value: ['a.ts'] })
})

test('what cannot be read is said in words', () => {
  assert.equal(plan.read('I cannot do that.'), { problem: 'It is not JSON.' })
  assert.match(JSON.stringify(plan.read('{"files": "a.ts"}')), /has no list \\"files\\"/)
  assert.match(JSON.stringify(words.read('{"requirements": "a"}')), /not the JSON that was asked for.*approach/)
  assert.match(JSON.stringify(words.read('[1, 2]')), /not the JSON/)
})

test('the schema that is sent is the one that reads', () => {
  assert.equal(words.schema, {
    type: 'object',
    properties: { requirements: { type: 'string' }, approach: { type: 'string' } },
    required: ['requirements', 'approach'],
    additionalProperties: false,
  })
  assert.equal(reads.schema['properties'], { read: { type: 'array', items: { type: 'string' } } })
})

test('no answer makes the readers throw, or wait long', () => {
  const hostile = ['['.repeat(60_000), '{"a":'.repeat(20_000), `["a" ${'"a" '.repeat(30_000)}`, '```'.repeat(20_000)]
  hostile.push(
    '<think>'.repeat(9_000),
    '\n'.repeat(50_000),
    '"`'.repeat(30_000),
    '{['.repeat(30_000),
    '. '.repeat(30_000),
  )
  const bounds = { maxChars: 500, isCut: true, prompt: 'x' }
  const readAll = (text: string): void => {
    for (const read of [plan.read, words.read, reads.read, readCode]) read(text)
    const prose = readProse(text, bounds)
    if ('value' in prose) assert.ok(prose.value.length <= 501 && prose.value === prose.value.trim(), text.slice(0, 80))
    matchPath(text, new Set(['a']), 'r')
  }
  for (const text of hostile) readAll(text)
  const mark = fc.constantFrom(
    '<think>',
    '</think>',
    '```',
    '\n',
    '{',
    '"',
    "'",
    '[',
    ']',
    ' ',
    '\ud800',
    '.',
    'I do',
    '\u0000',
  )
  fc.assert(
    fc.property(fc.array(fc.oneof(mark, fc.string())), (parts) => readAll(parts.join(''))),
    { numRuns: 300 },
  )
})

const prose = (text: string, bounds: Partial<Parameters<typeof readProse>[1]> = {}): string => {
  const reading = readProse(text, { maxChars: 200, isCut: false, prompt: '', ...bounds })
  return 'value' in reading ? reading.value : `(${reading.problem})`
}

test('a thought loses what models put around it', () => {
  const thought = 'I need `add` first, since "sum" rests on it.'
  for (const text of [
    `<think>Hm. What to say?</think>\n\n${thought}`,
    `Hm. What to say?</think>${thought}`,
    `Assistant: ${thought}`,
    `**Thought:** ${thought}`,
    `"${thought.replaceAll('"', "'")}"`,
    `<|im_start|>${thought}<|im_end|>`,
    `\`\`\`\n${thought}\n\`\`\``,
    JSON.stringify({ thought }),
    `${thought}\n\n\`\`\`ts\nconst x = 1\n\`\`\`\n`,
    `${thought}\n\`\`\`ts\nconst x = 1`,
    `  ${thought}  \r\n\r\n`,
  ]) {
    assert.is(prose(text).replaceAll("'sum'", '"sum"'), thought, text)
  }
})

test('nothing said is no thought', () => {
  for (const text of [
    '',
    ' \n',
    '<think>only this</think>',
    '<think>and never done',
    '"..."',
    '```\n```',
    '1 2 3 --',
  ]) {
    assert.match(prose(text), /^\(/, text)
  }
})

test('a thought is cut at the end of a sentence, and one that the server cut loses its last half sentence', () => {
  const long = `I take the list. ${'Then I go on with it, step by step and '.repeat(3)}then. ${'word '.repeat(40)}`
  const kept = prose(long, { maxChars: 160 })
  assert.ok(kept.length <= 160)
  assert.is(kept, long.slice(0, long.indexOf('then. ') + 5))
  assert.is(prose('I take the list. Then I', { isCut: true }), 'I take the list.')
  assert.match(prose('I take the list of', { isCut: true }), /cut off before its first sentence ends/)
  assert.is(prose(`I take ${'👍👎🎉🙂😀'.repeat(20)}`, { maxChars: 21 }), 'I take…')
  assert.is(prose(`ab${'👍👎🎉🙂😀'.repeat(20)}`, { maxChars: 5 }), 'ab👍…')
})

test('a loop is cut where it begins, or is no thought', () => {
  const line = 'I have to look at the parser.'
  assert.is(prose(`First the lexer. ${`${line} `.repeat(9)}`), `First the lexer. ${line}`)
  assert.is(prose(`${line}\n`.repeat(50)), line)
  assert.match(prose('the '.repeat(100)), /over and over/)
  assert.match(prose('I see. ' + 'a'.repeat(300)), /over and over/)
  assert.match(prose('so that it is '.repeat(30)), /over and over/)
  assert.match(prose(`I write ${'net/'.repeat(40)}a.py.`), /over and over/)
  const plain = 'I read the file, split it into words, count each of them, and print the ones that come up the most.'
  assert.is(prose(plain), plain)
})

test('a thought ends where its writer goes on to act, or to speak for others', () => {
  const thought = 'I look at what `add` needs.'
  for (const acting of [
    'Write src/add.ts\nexport const add = 1',
    'Edit src/add.ts after line 12',
    'Read "src/a b.ts" lines 1-3',
    'Check Makefile.am',
    'Action:\nanything',
    'End of action',
    '<|im_end|>\n<|im_start|>user\nNow the next file.',
    '<|eot_id|><|start_header_id|>tool',
    '<end_of_turn>\n<start_of_turn>user',
  ]) {
    assert.is(prose(`${thought}\n${acting}`), thought, acting)
    assert.not.match(prose(`${acting}\n${thought}`), /Action|Write|Edit|Check|Read/, acting)
  }
  for (const plain of ['Write what src/add.ts needs.', 'Read `src/a.ts` first.', 'Check it.', 'Action: none.'])
    assert.is(prose(`${thought}\n${plain}`), `${thought}\n${plain}`)
})

test('no mark of a chat is left in what is said', () => {
  const marked = 'It encodes `<|endoftext|>`, [INST], <bos>, <\uff5cUser\uff5c> and <<SYS>> as plain text.'
  const [text, line] = [prose(marked), readLine(marked, 200)]
  assert.is(text, 'It encodes `< |endoftext|>`, [ INST], < bos>, < \uff5cUser\uff5c> and < <SYS>> as plain text.')
  assert.is(line, text)
})

test('a long list is read whole, and only what has to be mended is bounded', () => {
  const files = Array.from({ length: 1_500 }, (_, at) => ({ path: `src/file-${at}.ts`, purpose: 'x'.repeat(60) }))
  assert.equal(plan.read(`Here it is: ${JSON.stringify({ files })}`), { value: files })
})

test('an answer that gives the question back is no thought', () => {
  const prompt =
    'Write the note that stands before this code: what is needed and why it is so,\nhow the parts work together.'
  assert.match(prose(prompt.replace('\n', ' '), { prompt }), /only repeats/)
  assert.is(prose('I take what is needed.', { prompt }), 'I take what is needed.')
})

test('code comes out of its fence as it is', () => {
  assert.equal(readCode('Here:\n```ts\n  a\n\nb\n```\nDone.'), { value: '  a\n\nb\n' })
  assert.equal(readCode('````md\n```\nx\n```\n````'), { value: '```\nx\n```\n' })
  assert.equal(readCode('```ts\nlet a = 1'), { value: 'let a = 1\n' })
  assert.equal(readCode('let a = 1'), { value: 'let a = 1\n' })
  assert.ok('problem' in readCode('```\n```'))
  assert.ok('problem' in readCode('<think>x'))
})

test('a path is taken as it stands, else without its wrapping, and never guessed', () => {
  const files = new Set(['src/a.ts', 'a.ts', "it's.md", 'web/b.ts', 'c/d.ts', './odd', '`tick`', 'tick', 'b\\c'])
  const match = (path: string): string | null => matchPath(path, files, '@scope/web')
  for (const path of [
    'src/a.ts',
    './src/a.ts',
    '/src/a.ts',
    'src\\a.ts',
    '.\\src\\a.ts',
    '`src/a.ts`',
    ' "src/a.ts" ',
  ]) {
    assert.is(match(path), 'src/a.ts', path)
  }
  assert.is(match('web/src/a.ts'), 'src/a.ts')
  assert.is(match('@scope/web/c/d.ts'), 'c/d.ts')
  assert.is(match('web/b.ts'), 'web/b.ts')
  assert.is(match("it's.md"), "it's.md")
  for (const path of ['./odd', '`tick`', 'b\\c']) assert.is(match(path), path)
  for (const path of ['b.ts', 'SRC/a.ts', '../src/a.ts', 'src/../src/a.ts', 'd.ts', '', 'other/src/a.ts']) {
    assert.is(match(path), null, path)
  }
})

test.run()
