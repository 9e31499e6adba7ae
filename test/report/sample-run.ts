import type { Candidate, SearchRow, ShardManifest } from '../../src/records/index.js'
import type { Segment } from '../../src/rendering/index.js'
import type { ReportInput, ViewerDocument } from '../../src/report/index.js'

type Role = Candidate['role']
type Outcome = Pick<Candidate, 'accepted' | 'decision'>

/** A scored candidate; the sum is given and the mean is over the row's tokens. */
function scored(role: Role, round: number, sum: number, tokens: number, length: number, outcome: Outcome): Candidate {
  const thought = role === 'none' ? null : { text: `thought of ${length} tokens`, facts: [] }
  const leak = role === 'none' ? null : { longestCommonChars: 12, containment: 0.05 }
  return { role, round, thought, thoughtTokens: length, score: { sum, mean: sum / tokens }, leak, ...outcome }
}

function stopped(role: Role, round: number, length: number, decision: Candidate['decision']): Candidate {
  return { ...scored(role, round, 0, 1, length, { accepted: false, decision }), score: null }
}

const baseline: Outcome = { accepted: false, decision: 'baseline' }
const control: Outcome = { accepted: false, decision: 'control' }
const start: Outcome = { accepted: true, decision: 'start' }
const gain: Outcome = { accepted: true, decision: 'gain' }
const noGain: Outcome = { accepted: false, decision: 'no-gain' }
const outdone: Outcome = { accepted: false, decision: 'outdone' }

function row(episode: number, targetTokens: number, candidates: Candidate[], chosen: number): SearchRow {
  return {
    trajectory: 'sample-1',
    episode,
    step: 0,
    path: `src/file-${episode}.ts`,
    outcome: chosen < 0 ? 'too-long' : 'searched',
    view: { header: 'whole', firstStep: 0, prefixTokens: 100 },
    targetTokens,
    targetBytes: 3 * targetTokens,
    candidates,
    chosen,
  }
}

/** Improved in rounds 1 and 3. */
const improvedTwice = row(
  0,
  10,
  [
    scored('none', 0, -20, 10, 0, baseline),
    scored('other', 0, -21, 10, 9, control),
    scored('first', 0, -18, 10, 10, start),
    scored('candidate', 1, -18.5, 10, 12, noGain),
    scored('candidate', 1, -15, 10, 14, gain),
    stopped('candidate', 2, 16, 'leak'),
    scored('candidate', 2, -16, 10, 16, noGain),
    scored('candidate', 3, -12, 10, 20, gain),
    scored('candidate', 3, -13, 10, 18, outdone),
  ],
  7,
)

/** Without a control; its first thought leaks, so the search starts from no thought and finds one in round 2. */
const startedBare = row(
  1,
  30,
  [
    { ...scored('none', 0, -30, 30, 0, baseline), accepted: true },
    stopped('first', 0, 50, 'leak'),
    scored('candidate', 1, -33, 30, 6, noGain),
    scored('candidate', 2, -24, 30, 8, gain),
    scored('candidate', 3, -27, 30, 9, noGain),
  ],
  3,
)

/** Keeps its first thought. */
const neverImproved = row(
  2,
  20,
  [
    scored('none', 0, -40, 20, 0, baseline),
    scored('other', 0, -38, 20, 7, control),
    scored('first', 0, -36, 20, 12, start),
    scored('candidate', 1, -37, 20, 16, noGain),
    stopped('candidate', 1, 17, 'leak'),
    stopped('candidate', 2, 90, 'too-long'),
  ],
  2,
)

export const sampleRows: SearchRow[] = [improvedTwice, startedBare, neverImproved, row(3, 5000, [], -1)]

function segment(text: string, origin: Segment['origin'], trainable: boolean, special = false): Segment {
  return { text, origin, trainable, special }
}

export function sampleDocument(id: string, name: string, code: string): ViewerDocument {
  const endOfAction = segment('<|eot_id|>', 'template', true, true)
  const episodes = sampleRows.map((searchRow) => ({
    path: searchRow.path,
    steps: [
      {
        row: searchRow,
        parts: {
          open: [segment('<|start_header_id|>', 'template', false, true)],
          thought: [segment('What the file is for.\n', 'thought', true)],
          action: [segment(`Write ${searchRow.path}\n`, 'action', true)],
          content: [segment(code, 'action', true)],
          close: [endOfAction, segment(code, 'observation', false)],
        },
      },
    ],
  }))
  return { id, name, header: [segment('Build a thing.\n', 'requirement', true)], episodes }
}

const digest = 'a'.repeat(64)

/** Two rows of 1,000 tokens: 1,600 filled, 900 of them trained. */
const sampleShards: ShardManifest = {
  schemaVersion: 1,
  sequenceLength: 1000,
  renderer: 'plain',
  masks: { thought: true },
  tokenizer: { digest, vocabularySize: 512 },
  seed: 3,
  shards: [
    {
      file: 'a.parquet',
      format: 'parquet',
      rows: 1,
      tokens: 1000,
      trainedTokens: 600,
      sizeBytes: 2048,
      sha256: digest,
    },
    { file: 'b.parquet', format: 'parquet', rows: 1, tokens: 600, trainedTokens: 300, sizeBytes: 1024, sha256: digest },
    { file: 'a.arrow', format: 'arrow', rows: 2, tokens: 1600, trainedTokens: 900, sizeBytes: 4096, sha256: digest },
  ],
  domains: {
    python: { documents: 1, pieces: 1, tokens: 400, trainedTokens: 100 },
    typescript: { documents: 2, pieces: 3, tokens: 1200, trainedTokens: 800 },
  },
  packing: {
    rows: 2,
    tokens: 1600,
    trainedTokens: 900,
    fillRatio: 0.8,
    documents: 3,
    documentsCut: 1,
    pieces: 4,
    sourceTokens: 1580,
    repeatedHeaderTokens: 20,
    piecesWithoutHeader: 0,
    untrained: { pieces: 0, tokens: 0 },
    dropped: [],
    irregularBorders: 0,
  },
}

export function sampleInput(): ReportInput {
  return {
    run: {
      name: 'sample',
      retraceVersion: '0.0.0',
      model: { name: 'tiny', digest, contextLength: 4096 },
      scorer: { device: 'native cpu: a <processor> of the sample', dtype: 'float32' },
      generator: {
        kind: 'endpoint',
        version: '1',
        model: 'writer <8b>',
        prompts: [
          { role: 'thinker', version: 2 },
          { role: 'drafter', version: 1 },
        ],
      },
      renderer: 'plain',
      seed: 3,
      noise: 0.00002,
      leastGain: 0.0005,
      config: { search: { rounds: 3 } },
    },
    repositories: [
      {
        id: 'sample-1',
        name: 'sample',
        files: 4,
        skipped: [
          { path: 'logo.png', reason: 'binary', detail: 'has NUL bytes' },
          { path: 'dist/app.js', reason: 'generated', detail: 'one line of 90,000 bytes' },
          { path: 'icon.png', reason: 'binary', detail: 'has NUL bytes' },
        ],
        importCounts: { file: 6, external: 2, unresolved: 1 },
        cycles: { components: 1, largest: 3 },
        rawTokens: 1000,
        reconstructedTokens: 2500,
        trainedTokens: 1500,
      },
    ],
    search: sampleRows,
    shards: sampleShards,
    stages: [
      { name: 'ground', seconds: 2, units: 4, unit: 'files' },
      { name: 'search', seconds: 6, units: 3, unit: 'thoughts' },
    ],
    rejects: [{ id: 'broken', stage: 'grounding', reason: 'INPUT_INVALID', message: 'broken.tgz ends too early.' }],
    languages: [
      { language: 'typescript', files: 8, parsed: 6, importCounts: { file: 9, external: 4, unresolved: 1 } },
      { language: 'go', files: 0, parsed: 0, importCounts: { file: 0, external: 0, unresolved: 0 } },
    ],
    writing: {
      used: { calls: 40, promptTokens: 12_000, completionTokens: 3_000 },
      paid: { calls: 30, promptTokens: 9_000, completionTokens: 2_500 },
      failures: { timeout: 1, '429': 7 },
      plans: { askedAgain: 2, added: 3, dropped: 4, moved: 5 },
      thoughts: { byModel: 9, byNarrator: 3 },
      debugging: [
        { fault: 'wrong-import', episodes: 2 },
        { fault: 'attempt', episodes: 1 },
      ],
    },
    documents: [sampleDocument('sample-1', 'sample', 'export const one = 1\n')],
  }
}
