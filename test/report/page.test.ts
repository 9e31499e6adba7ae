import { createHash } from 'node:crypto'
import { Script } from 'node:vm'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import * as fc from 'fast-check'
import { buildReport, type ReportInput } from '../../src/report/index.js'
import { selectForViewer } from '../../src/report/viewer-data.js'
import { dataOf, scriptsOf, tagsOf, textOf } from './page-reader.js'
import { sampleDocument, sampleInput } from './sample-run.js'

const test = suite('page')

function includes(text: string, ...parts: string[]): void {
  for (const part of parts) assert.ok(text.includes(part), `the page lacks "${part}"`)
}

test('the search figures on the page are those of a hand', () => {
  const page = textOf(buildReport(sampleInput()))
  const points = [5 / 3, 2, 1.8, 4.3 / 3, 4.1 / 3, 3.8 / 3].map((nll) => Math.exp(nll))
  for (const perplexity of points) includes(page, perplexity.toFixed(2), perplexity.toFixed(3))
  for (const byToken of [90 / 60, 59 / 30, 54 / 30, 81 / 60, 75 / 60, 72 / 60])
    includes(page, Math.exp(byToken).toFixed(3))
  includes(page, '11.0', '8.7', '11.3', '13.3')
  includes(page, 'Search improved 2 of 3 thoughts (67 %)', '+0.400 nats per token on average (median +0.200)')
  includes(
    page,
    "the first thought by +0.200, another file's thought by 0.000",
    '1 first thought leaked code or ran too long',
  )
  includes(page, "1 thought did not fit the scorer's context", 'no gain above the noise 5 42 %', 'accepted 3 25 %')
  includes(page, 'by more than 0.00050 nats per token', '0.000020 nats per token')
})

test('tokens, fill, time and repositories are on the page as given or as a hand sums them', () => {
  const page = textOf(buildReport(sampleInput()))
  includes(page, 'sample 1,000 2,500 2.50×, 60 % trained')
  includes(page, '3 documents became 4 pieces in 2 rows of 1,000 tokens; 80.0 % of the space is filled')
  includes(
    page,
    'a.parquet 100.0 % 1 row',
    'b.parquet 60.0 % 1 row',
    'python 1 1 400 25.0 % 25.0 %',
    'typescript 2 3 1,200 75.0 % 66.7 %',
  )
  includes(page, 'ground 2.0 s 25 % · 4 files, 2.0/s', 'search 6.0 s 75 % · 3 thoughts, 0.50/s', '8.0 s in all')
  includes(page, 'sample 4 3 6 · 2 · 1 1 (3 files) 1,000 2,500 (2.50×) 1,500 3 2 (67 %) 1 5.29 → 3.55')
  includes(page, '3 files skipped (2 binary, 1 generated)', 'dist/app.js generated one line of 90,000 bytes')
  includes(page, 'broken grounding INPUT_INVALID broken.tgz ends too early.')
})

test('who wrote the words, at what cost, and how well each language was understood is on the page', () => {
  const page = textOf(buildReport(sampleInput()))
  includes(page, 'Written by writer <8b>', 'thinker 2, drafter 1', 'Thoughts by a model 9 (75 %)')
  includes(page, '40 calls, 12,000 tokens asked, 3,000 answered', '30 calls, 9,000 tokens asked, 2,500 answered')
  includes(page, 'Tried again 7 429, 1 timeout', '2 wrong-import, 1 attempt')
  includes(page, 'asked again 2, files added 3, entries dropped 4, files moved 5')
  // 6 of 8 files parse; 1 of the 10 imports that should lead to a file does not.
  includes(page, 'typescript 8 75 % 9 4 1 10.0 %', 'go 0 – 0 0 0 –')
})

test('one of a kind is no plural, whatever a stage counts', () => {
  const input = sampleInput()
  const stages = ['repositories', 'thoughts', 'documents'].map((unit) => ({ name: unit, seconds: 1, units: 1, unit }))
  const spent = { calls: 1, promptTokens: 1, completionTokens: 1 }
  const writing = { ...input.writing, used: spent, paid: spent }
  const page = textOf(buildReport({ ...input, stages, writing }))
  includes(
    page,
    '· 1 repository, 1.0/s',
    '· 1 thought, 1.0/s',
    '· 1 document, 1.0/s',
    '1 call, 1 token asked, 1 answered',
  )
  assert.not.match(page, /[^\d,.]1 (repositories|files|thoughts|tokens|calls|rows|documents|pieces|steps)\b/)
})

test('the bars of packed rows are of one format, whichever it is', () => {
  const input = sampleInput()
  const shards = input.shards!.shards.map((shard) => ({ ...shard, format: 'arrow' as const }))
  const other = { ...shards[0]!, file: 'z.parquet', format: 'parquet' as const }
  const page = textOf(buildReport({ ...input, shards: { ...input.shards!, shards: [...shards, other] } }))
  includes(page, 'a.parquet 100.0 % 1 row')
  assert.not.match(page, /z\.parquet \d+\.\d % 1 row/)
})

test('bars are as long as their values', () => {
  const page = buildReport(sampleInput())
  const tokens = page.slice(page.indexOf('id="tokens"'), page.indexOf('id="packing"'))
  const bars = [...tokens.matchAll(/x="([\d.]+)%"\s+y="3"\s+width="([\d.]+)%"/g)].map(([, x, width]) => [
    Number(x),
    Number(width),
  ])
  // The axis ends at 3,000: 1,000 raw; 1,500 trained, then 1,000 not trained.
  assert.equal(bars, [
    [0, 33.333],
    [0, 50],
    [50, 33.333],
  ])
})

test('the data block holds the documents as they were given', () => {
  const input = sampleInput()
  assert.equal(dataOf(buildReport(input)), { documents: structuredClone(input.documents) })
})

const hostile = '</script><img src=x onerror=alert(1)><!-- <script>\u2028\u2029]]>"\'&\u0000'

function hostileInput(text: string): ReportInput {
  const input = sampleInput()
  const repository = { ...input.repositories[0]!, name: text, skipped: [{ path: text, reason: text, detail: text }] }
  return {
    ...input,
    run: { ...input.run, name: text, renderer: text, config: { [text]: text } },
    repositories: [repository],
    shards: { ...input.shards!, domains: { [text]: input.shards!.domains.python! } },
    stages: [{ name: text, seconds: 1, units: 1, unit: text }],
    rejects: [{ id: text, stage: text, reason: text, message: text }],
    documents: [{ ...sampleDocument(text, text, text), episodes: [] }, sampleDocument('b', text, text)],
  }
}

function assertContained(text: string): void {
  const input = hostileInput(text)
  const page = buildReport(input)
  const scripts = scriptsOf(page)
  assert.is(scripts.length, 2)
  assert.is(page.match(/<script/gi)?.length, 2, 'no script opens but the two of the page')
  assert.not.match(scripts[0]!.content, /[<\u2028\u2029]/)
  assert.equal(dataOf(page), { documents: structuredClone(input.documents) })
  assert.equal(tagsOf(page), tagsOf(buildReport(hostileInput('harmless'))), 'no tag opens that the page does not have')
  assert.not.ok(page.includes('<!--'))
}

test('hostile text ends no script, opens no tag and no comment, and comes back whole', () => {
  assertContained(hostile)
  assert.ok(textOf(buildReport(hostileInput(hostile))).includes('<img src=x onerror=alert(1)>'), 'it is shown as text')
})

test('any text is contained', () => {
  const piece = fc.oneof(
    fc.string({ unit: 'binary' }),
    fc.constantFrom('<', '</script', '<!--', '"', "'", '&lt;', '>', '-->', '`', '${'),
  )
  const texts = fc.array(piece, { maxLength: 6 }).map((parts) => parts.join(''))
  fc.assert(fc.property(texts, assertContained), { numRuns: 60 })
})

test('the page asks for nothing from outside, and its policy lets only its own script and style run', () => {
  const page = buildReport(sampleInput())
  const [, script] = scriptsOf(page)
  const style = /<style>([\s\S]*?)<\/style>/.exec(page)?.[1] as string
  const source = (text: string): string => `'sha256-${createHash('sha256').update(text).digest('base64')}'`
  assert.is(script!.attributes, '')
  includes(page, `default-src 'none'; script-src ${source(script!.content)}; style-src ${source(style)};`)
  assert.not.match(page, /\s(src|srcset|action|formaction|style|on[a-z]+)=/i)
  assert.not.match(style, /@import|url\(/)
  for (const [, target] of page.matchAll(/href="([^"]*)"/g)) assert.match(target as string, /^#/)
  assert.equal([...new Set(page.match(/https?:\/\/[^'"\s]+/g))], ['http://www.w3.org/2000/svg'])
})

test('the script compiles and never makes markup of data', () => {
  const [, script] = scriptsOf(buildReport(sampleInput()))
  assert.ok(new Script(script!.content))
  assert.not.match(
    script!.content,
    /innerHTML|outerHTML|insertAdjacentHTML|document\.write|DOMParser|eval|Function\(|fetch|XMLHttp/,
  )
})

test('an empty run has a page that says so', () => {
  const { run } = sampleInput()
  const nothing = { repositories: [], search: [], shards: null, stages: [], rejects: [], languages: [], documents: [] }
  const none = { calls: 0, promptTokens: 0, completionTokens: 0 }
  const page = buildReport({
    ...nothing,
    run,
    writing: {
      ...{ used: none, paid: none, failures: {}, debugging: [] },
      plans: { askedAgain: 0, added: 0, dropped: 0, moved: 0 },
      thoughts: { byModel: 0, byNarrator: 0 },
    },
  })
  const text = textOf(page)
  includes(
    text,
    'Nothing was searched. The run has no search rows.',
    'No repository was reconstructed.',
    'The run has no packed rows.',
  )
  includes(text, 'No stage was timed.', 'Nothing was rejected.', 'No trajectory is in this page.')
  assert.not.match(text, /NaN|Infinity|undefined|\bnull\b/)
  assert.equal(dataOf(page), { documents: [] })
})

test('no figure of a full page is missing or not a number', () => {
  assert.not.match(
    buildReport(sampleInput()).replace(/<script>[\s\S]*<\/script>/, ''),
    /NaN|Infinity|undefined|\[object/,
  )
})

test('equal input gives equal bytes', () => {
  assert.is(buildReport(sampleInput()), buildReport(structuredClone(sampleInput())))
})

test('what does not fit the cap is left out and listed with its size; what follows and fits is kept', () => {
  const [small, big, last] = [
    sampleDocument('small', 'small', 'a\n'),
    sampleDocument('big', 'big one', 'b'.repeat(60_000)),
    sampleDocument('last', 'last', 'c\n'),
  ]
  const page = buildReport({ ...sampleInput(), documents: [small, big, last] }, { maxViewerBytes: 50_000 })
  assert.equal(
    (dataOf(page) as { documents: { id: string }[] }).documents.map(({ id }) => id),
    ['small', 'last'],
  )
  includes(textOf(page), 'Left out of this page: 1 trajectory', 'big one big 4')
  assert.match(textOf(page), /big one big [\d.]+ KiB; [\d.]+ KiB of the 48\.8 KiB that the page may hold were taken/)
})

test('the cap counts all documents together, to the byte', () => {
  const documents = ['a', 'b', 'c'].map((id) => sampleDocument(id, id, '<é>\n'))
  const sizeBytes = Buffer.byteLength(JSON.stringify(documents[0]).replaceAll('<', '\\u003c'))
  const kept = (cap: number): number => selectForViewer(documents, cap).data.documents.length
  assert.equal([sizeBytes - 1, sizeBytes, 2 * sizeBytes, 3 * sizeBytes - 1, 3 * sizeBytes].map(kept), [0, 1, 2, 2, 3])
})

test.run()
