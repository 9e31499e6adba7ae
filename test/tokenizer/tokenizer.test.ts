import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import fc from 'fast-check'
import { loadTokenizer } from '../../src/tokenizer/index.js'

const test = suite('tokenizer')

const modelDir = join(process.env.RETRACE_ROOT ?? process.cwd(), 'test/scoring/fixtures/tiny-llama')
const specials = ['<|begin_of_text|>', '<|end_of_text|>', '<|start_header_id|>', '<|end_header_id|>', '<|eot_id|>']
const tokenizer = await loadTokenizer(modelDir)

const codeLike = fc.constantFrom(
  ...specials,
  ...[
    '\r\n',
    '\n',
    '\r',
    ' ',
    '   ',
    '\t',
    'é',
    'e\u0301',
    '👩‍👩‍👧',
    '\ufeff',
    '\u0085',
    '\u2028',
    "'LL",
    '__proto__',
    '42',
    'const x',
  ],
)
const anyText = fc
  .array(fc.oneof(codeLike, fc.string({ unit: 'grapheme' }), fc.string({ unit: 'binary' })))
  .map((p) => p.join(''))

test('decoding gives back any well-formed text, byte for byte', () => {
  let seen = 0
  fc.assert(
    fc.property(anyText, (text) => {
      seen += text.length
      assert.is(tokenizer.decode(tokenizer.encode(text)), text)
    }),
    { numRuns: 500 },
  )
  assert.ok(seen > 1000, `only ${seen} characters were tried`)
})

test('the bytes of the tokens, joined, are the UTF-8 bytes of the text', () => {
  const text = 'naïve 👍\r\n'
  const bytes = Buffer.concat(Array.from(tokenizer.encode(text), (id) => tokenizer.tokenBytes(id)))
  assert.equal([...bytes], [...Buffer.from(text)])
})

test('no text encodes to a special token', () => {
  const ids = new Set(specials.map((name) => tokenizer.special(name)))
  fc.assert(
    fc.property(anyText, (text) => assert.not.ok(tokenizer.encode(text).some((id) => ids.has(id)))),
    { numRuns: 500 },
  )
  for (const name of specials) assert.ok(tokenizer.encode(name).length > 1, name)
})

test('tokenizing apart equals tokenizing the join at a line end before a character that is not white space', () => {
  const tail = anyText.filter((text) => /^\S/u.test(text))
  fc.assert(
    fc.property(anyText, fc.constantFrom('\n', '\r\n', '\n\n'), tail, (head, lineEnd, rest) => {
      const [left, right] = tokenizer.encodeSegments([
        { text: head + lineEnd, special: false },
        { text: rest, special: false },
      ])
      assert.equal([...left!, ...right!], [...tokenizer.encode(head + lineEnd + rest)])
    }),
    { numRuns: 500 },
  )
})

test('a special segment is one token, and the same name as content is not', () => {
  const [name, content] = tokenizer.encodeSegments([
    { text: '<|eot_id|>', special: true },
    { text: '<|eot_id|>', special: false },
  ])
  assert.equal([...name!], [tokenizer.special('<|eot_id|>')])
  assert.is(tokenizer.decode(name!), '<|eot_id|>')
  assert.is(tokenizer.decode(content!), '<|eot_id|>')
  assert.not.equal([...content!], [...name!])
})

test('writing to the ids of a text does not change what it encodes to next time', () => {
  const text = 'return self.items'
  const before = [...tokenizer.encode(text)]
  tokenizer.encode(text).fill(0)
  assert.equal([...tokenizer.encode(text)], before)
})

test('the vocabulary counts the special tokens and the digest is that of the file', async () => {
  assert.is(tokenizer.vocabularySize, 512)
  assert.equal(tokenizer.specials, specials)
  const { createHash } = await import('node:crypto')
  assert.is(
    tokenizer.digest,
    createHash('sha256')
      .update(readFileSync(join(modelDir, 'tokenizer.json')))
      .digest('hex'),
  )
})

test('an unknown special token is refused with the names that there are', () => {
  try {
    tokenizer.special('<|nope|>')
    assert.unreachable()
  } catch (error) {
    assert.is((error as { code: string }).code, 'UNKNOWN_SPECIAL')
    assert.match((error as Error).message, '<|eot_id|>')
  }
})

test('an id outside the vocabulary is refused', () => {
  assert.throws(
    () => tokenizer.decode([512]),
    (error: { code: string }) => error.code === 'TOKEN_OUT_OF_RANGE',
  )
})

interface TokenizerJson {
  normalizer: unknown
  pre_tokenizer: { pretokenizers: { add_prefix_space?: boolean }[] }
  model?: { type: string; vocab: Record<string, number> }
}
const broken: [what: string, change: (file: TokenizerJson) => unknown, says: RegExp][] = [
  ['a WordPiece model', (file) => (file.model!.type = 'WordPiece'), /WordPiece/],
  ['a normalizer', (file) => (file.normalizer = { type: 'NFC' }), /normalizer/],
  ['an added space', (file) => (file.pre_tokenizer.pretokenizers[1]!.add_prefix_space = true), /add_prefix_space/],
  ['no byte-level part', (file) => file.pre_tokenizer.pretokenizers.pop(), /ByteLevel/],
  ['a missing byte', (file) => delete file.model!.vocab['Ġ'], /lacks 1 of the 256 bytes/],
  ['an entry that is no bytes', (file) => (file.model!.vocab['▁the'] = 511), /▁the/],
  ['no model', (file) => delete file.model, /model/],
]
for (const [what, change, says] of broken) {
  test(`a tokenizer file with ${what} is refused and says so`, async () => {
    const file = JSON.parse(readFileSync(join(modelDir, 'tokenizer.json'), 'utf8')) as TokenizerJson
    change(file)
    await refused(JSON.stringify(file), 'TOKENIZER_INVALID', says)
  })
}

test('a tokenizer file that is not JSON is refused and says so', () => refused('{', 'TOKENIZER_INVALID', /not JSON/))

test('a folder without a tokenizer file is refused with its path', () =>
  refused(null, 'TOKENIZER_MISSING', /tokenizer\.json/))

async function refused(content: string | null, code: string, says: RegExp): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'tokenizer-'))
  if (content !== null) writeFileSync(join(folder, 'tokenizer.json'), content)
  try {
    await loadTokenizer(folder)
    assert.unreachable('it was accepted')
  } catch (error) {
    assert.is((error as { code: string }).code, code)
    assert.match((error as Error).message, says)
  }
}

test.run()
