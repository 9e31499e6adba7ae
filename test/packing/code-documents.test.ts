import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import fc from 'fast-check'
import {
  ignoreIndex,
  packRepositories,
  packingOptionsSchema,
  readShard,
  type PackingOptions,
  type ShardRow,
} from '../../src/packing/index.js'
import { codeRenderer, cutAtLines, tokenizeRepository, type CodeDocument } from '../../src/packing/code-document.js'
import { cutDocument } from '../../src/packing/cut-document.js'
import type { FileRecord, ShardManifest } from '../../src/records/index.js'
import { codeFileSegments, defaultMasks } from '../../src/rendering/index.js'
import { readSpan, spanOf } from './random-trajectories.js'
import { byteTokenizer, tokenizersAtHand } from './byte-tokenizer.js'

const test = suite('code documents')

const options = packingOptionsSchema.parse({})
const folders: string[] = []
test.after(() => folders.forEach((folder) => rmSync(folder, { recursive: true })))

/** A repository of these texts; they are to be written in the order given. */
function repositoryOf(id: string, texts: Record<string, string>, domain = 'code'): CodeDocument {
  const files = Object.entries(texts).map(([path, text]): FileRecord => {
    const { blob, end } = spanOf(text)
    const facts = { lines: text.split('\n').length, language: 'text' as const, outlineFrom: 'lines' as const }
    return { path, blob, sizeBytes: end, ...facts, parseNote: '', doc: '', outline: [], imports: [] }
  })
  const byPath = [...files].sort((a, b) => (a.path < b.path ? -1 : 1))
  return { snapshot: { id, files: byPath, order: Object.keys(texts) }, domain }
}

const small = repositoryOf('small-1', {
  'z.ts': 'export const z = 1\n',
  'src/a.ts': "import { z } from '../z.js'\n\nconsole.log(z)",
  'empty.ts': '',
  'hostile.ts': 'const end = "<|end_of_text|>"\n',
})
const smallText =
  'File: z.ts\nexport const z = 1\nFile: src/a.ts\n' +
  "import { z } from '../z.js'\n\nconsole.log(z)\nFile: empty.ts\nFile: hostile.ts\n" +
  'const end = "<|end_of_text|>"\n'

async function pack(
  repositories: CodeDocument[],
  options: Partial<PackingOptions> = {},
): Promise<{ manifest: ShardManifest; rows: ShardRow[] }> {
  const folder = mkdtempSync(join(tmpdir(), 'retrace-code-'))
  folders.push(folder)
  const input = { repositories, read: readSpan, tokenizer: byteTokenizer, folder }
  const manifest = await packRepositories(input, packingOptionsSchema.parse({ formats: ['parquet'], ...options }))
  const rows = await Promise.all(manifest.shards.map(({ file }) => readShard(join(folder, file))))
  return { manifest, rows: rows.flat() }
}

for (const [name, tokenizer] of await tokenizersAtHand()) {
  test(`with ${name}, a code document is its files in order with their paths, between begin and end of text`, () => {
    const { header, steps } = tokenizeRepository(small, options, readSpan, tokenizer)
    const ids = [...header.ids, ...steps.flatMap((run) => [...run.ids])]
    assert.is(ids[0], tokenizer.special('<|begin_of_text|>'))
    assert.is(ids.at(-1), tokenizer.special('<|end_of_text|>'))
    assert.is(tokenizer.decode(ids.slice(1, -1)), smallText)
    // The name of a special token in a file is data.
    assert.is(ids.filter((id) => id === tokenizer.special('<|end_of_text|>')).length, 1)
    assert.is(steps.length, 4)
  })

  test(`with ${name}, a file that is cut before lines without white space has the tokens of the whole file`, () => {
    const text = Array.from({ length: 300 }, (_, at) => `def f${at}(x):\n    return x + ${at}\n\n\n`).join('')
    assert.ok(cutAtLines(text).length > 2, 'nothing was cut')
    const long = repositoryOf('long-1', { 'a.py': text })
    const { steps, irregularBorders } = tokenizeRepository(long, options, readSpan, tokenizer)
    const whole = codeFileSegments('a.py', text).flatMap((segment) => [...tokenizer.encode(segment.text)])
    assert.equal(steps.flatMap((run) => [...run.ids]).slice(0, -1), whole)
    assert.is(irregularBorders, 0)
  })
}

test('what is trained is decided by the line `action` of the masks alone, the border tokens aside', () => {
  const trainedOf = (masks: Partial<typeof defaultMasks>): number[] => {
    const changed = { ...options, masks: { ...defaultMasks, ...masks } }
    const { header, steps } = tokenizeRepository(small, changed, readSpan, byteTokenizer)
    return [header, ...steps].flatMap((run) => [...run.trained])
  }
  const length = Buffer.byteLength(smallText)
  assert.equal(trainedOf({}), [0, ...new Array<number>(length).fill(1), 0])
  assert.equal(trainedOf({ action: false }), new Array<number>(length + 2).fill(0))
  assert.equal(trainedOf({ action: false, observation: true, thought: true, plan: true }).includes(1), false)
  assert.equal(trainedOf({ template: true }).at(-1), 1)
})

test('pieces of a text join to it, end with a line, and are no longer than need be', () => {
  const line = fc.constantFrom('', '    x', 'y = 1', '}', '\t', 'é'.repeat(700), 'word '.repeat(300), 'z'.repeat(6000))
  let cuts = 0
  fc.assert(
    fc.property(fc.array(line, { maxLength: 120 }), fc.boolean(), (lines, ended) => {
      const text = lines.join('\n') + (ended ? '\n' : '')
      const pieces = cutAtLines(text)
      assert.is(pieces.join(''), text)
      cuts += Math.max(0, pieces.length - 1)
      for (const [at, piece] of pieces.entries()) {
        if (at < pieces.length - 1) assert.ok(piece.endsWith('\n') && piece.length >= 1024, piece.length.toString())
        // Over the bound only by its last line, or for want of a place to cut.
        const withoutLast = piece.slice(0, piece.lastIndexOf('\n', piece.length - 2) + 1)
        assert.ok(withoutLast.length < 4096, `${withoutLast.length} characters could have been cut`)
      }
    }),
  )
  assert.ok(cuts > 50, `${cuts} cuts were seen`)
  assert.equal(cutAtLines(''), [])
})

test('a repository longer than a row goes on with the opening token alone, and every token is kept or counted', async () => {
  const text = Array.from({ length: 400 }, (_, at) => `const value${at} = ${at}\n`).join('')
  const files = { 'a.ts': text, 'b.ts': text, 'long.ts': `x = "${'y'.repeat(5000)}"\n`, 'c.ts': 'let c\n' }
  const { manifest, rows } = await pack([repositoryOf('big-1', files), small], { sequenceLength: 3000 })
  const { packing } = manifest
  assert.is(manifest.renderer, 'code')
  assert.equal(Object.keys(manifest.domains), ['code'])
  assert.equal(
    packing.dropped.map(({ document, tokens, reason }) => [document, tokens, reason]),
    [['big-1', 'File: long.ts\n'.length + 5007, 'step-longer-than-row']],
  )
  const dropped = packing.dropped.reduce((sum, part) => sum + part.tokens, 0)
  assert.is(packing.tokens - packing.repeatedHeaderTokens + dropped + packing.untrained.tokens, packing.sourceTokens)
  assert.is(packing.piecesWithoutHeader, 0)

  const pieces: { id: string; ids: number[]; labels: number[] }[] = []
  for (const row of rows) {
    let start = 0
    for (const [at, id] of row.docIds.entries()) {
      const end = start + (row.seqLengths[at] ?? 0)
      pieces.push({ id, ids: [...row.inputIds.subarray(start, end)], labels: [...row.labels.subarray(start, end)] })
      start = end
    }
  }
  const begin = byteTokenizer.special('<|begin_of_text|>')
  const end = byteTokenizer.special('<|end_of_text|>')
  for (const { ids, labels } of pieces) {
    assert.is(ids[0], begin)
    // All but the two ends of the text is trained.
    for (let t = 0; t < ids.length; t++) assert.is(labels[t] === ignoreIndex, ids[t] === begin || ids[t] === end)
  }
  const big = pieces.filter(({ id }) => id.startsWith('big-1#')).sort((a, b) => (a.id < b.id ? -1 : 1))
  assert.ok(big.length > 3, `${big.length} pieces`)
  const kept = big.flatMap(({ ids }) => ids.slice(1)).filter((id) => id !== end)
  assert.is(byteTokenizer.decode(kept), `File: a.ts\n${text}File: b.ts\n${text}File: c.ts\nlet c\n`)
})

test('whatever the files hold, what is trained is their texts byte for byte, however the row cuts them', () => {
  const odd = [
    '',
    '\r\n',
    'a\r',
    '\ufeffx = 1\n',
    'é\u2028',
    'File: b\n',
    '<|end_of_text|>',
    '\u0000',
    '  y\n',
    '😀 z\n'.repeat(300),
  ]
  const content = fc.array(
    fc.oneof(fc.constant('w = 1\n'.repeat(500)), fc.constantFrom(...odd), fc.string({ unit: 'grapheme' })),
    { maxLength: 12 },
  )
  let cuts = 0
  fc.assert(
    fc.property(fc.array(content, { maxLength: 6 }), fc.constantFrom(8000, 20_000), (files, row) => {
      const texts = Object.fromEntries(files.map((parts, at) => [`f${at}`, parts.join('')]))
      const document = tokenizeRepository(repositoryOf('any-1', texts), options, readSpan, byteTokenizer)
      const { pieces, dropped } = cutDocument(document, row)
      const trained = pieces.flatMap(({ ids, trained: marks }) => [...ids].filter((_, t) => marks[t] === 1))
      const expected = Object.entries(texts).map(([path, text]) => {
        const isEnded = text === '' || text.endsWith('\n')
        return `File: ${path}\n${text}${isEnded ? '' : '\n'}`
      })
      assert.equal(dropped, [])
      assert.is(byteTokenizer.decode(trained), expected.join(''))
      cuts += Math.max(0, pieces.length - 1)
    }),
    { numRuns: 60 },
  )
  assert.ok(cuts > 5, `${cuts} cuts were seen`)
})

test('the same repositories give the same bytes, whatever the renderer', async () => {
  const digests = async (renderer: 'plain' | 'llama3-chat'): Promise<string[]> =>
    (await pack([small], { renderer })).manifest.shards.map(({ sha256 }) => sha256)
  const plain = await digests('plain')
  assert.ok(plain.length > 0)
  assert.equal(plain, await digests('llama3-chat'))
  assert.is(codeRenderer.name, 'code')
})

test('where actions are not trained nothing is written, and that is counted', async () => {
  const { manifest } = await pack([small], { masks: { ...defaultMasks, action: false } })
  assert.is(manifest.packing.rows, 0)
  assert.is(manifest.packing.untrained.tokens, Buffer.byteLength(smallText) + 2)
})

test('a repository without a file gives no piece', () => {
  const document = tokenizeRepository(repositoryOf('none-1', {}), options, readSpan, byteTokenizer)
  assert.equal(cutDocument(document, 100).pieces, [])
})

test('options that name no content pack trajectories, as before there was a choice', () => {
  assert.is(packingOptionsSchema.parse({}).content, 'trajectory')
})

test.run()
