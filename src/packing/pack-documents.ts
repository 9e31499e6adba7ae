import { CoreError, seededRandom } from '../core/index.js'
import type { ShardManifest } from '../records/index.js'
import type { Renderer } from '../rendering/index.js'
import type { Tokenizer } from '../tokenizer/index.js'
import { packBestFit } from './best-fit.js'
import { cutDocument, type CutDocument, type Piece } from './cut-document.js'
import type { SegmentEncoder, TokenizedDocument } from './document.js'
import { PackingError } from './errors.js'
import type { PackingOptions } from './options.js'
import { removeShards, writeShards, type WrittenShard } from './shards/write-shards.js'

/** What packing needs for every kind of document. */
export interface PackingTarget {
  tokenizer: SegmentEncoder & Pick<Tokenizer, 'digest' | 'vocabularySize'>
  /** Where the shards go. Shards that are there already are removed first. */
  folder: string
  signal?: AbortSignal | undefined
}

interface DocumentsInput extends PackingTarget {
  /** Taken one by one; the order decides the bytes of the shards. */
  documents: AsyncIterable<TokenizedDocument>
  renderer: Pick<Renderer, 'name'>
}

/** The pieces of one domain that wait to be packed together, and how many shards the domain has so far. */
interface DomainWindow {
  pieces: Piece[]
  documents: number
  tokens: number
  windows: number
  shards: number
}

/**
 * Packs documents into shards and accounts for every token. The same input and options give the same bytes.
 *
 * @throws PackingError `DOMAIN_INVALID`, CoreError `ABORTED`
 */
export async function packDocuments(input: DocumentsInput, options: PackingOptions): Promise<ShardManifest> {
  const totals = new Totals()
  const open = new Map<string, DomainWindow>()
  removeShards(input.folder)

  // Collect the pieces of each domain; a full window is packed and released.
  for await (const document of input.documents) {
    stopIfAborted(input.signal)
    const { id, domain } = document
    checkDomain(id, domain)
    const cut = cutDocument(document, options.sequenceLength)
    totals.addDocument(id, domain, cut, document.irregularBorders)

    const window = open.get(domain) ?? { pieces: [], documents: 0, tokens: 0, windows: 0, shards: 0 }
    open.set(domain, window)
    for (const piece of cut.pieces) window.pieces.push(piece)
    window.documents++
    window.tokens += cut.sourceTokens
    if (window.documents >= options.windowDocuments || window.tokens >= options.maxWindowTokens) {
      await packWindow(input, options, domain, window, totals)
    }
  }
  for (const [domain, window] of open) await packWindow(input, options, domain, window, totals)
  return totals.manifest(input, options)
}

async function packWindow(
  input: DocumentsInput,
  options: PackingOptions,
  domain: string,
  window: DomainWindow,
  totals: Totals,
): Promise<void> {
  stopIfAborted(input.signal)
  const { pieces, windows } = window
  const lengths = pieces.map((piece) => piece.ids.length)
  // Best fit leaves bins in order of length, which no trainer may see.
  const bins = seededRandom('packing', options.seed, domain, windows).shuffled(
    packBestFit(lengths, options.sequenceLength),
  )
  const shards = await writeShards(
    {
      folder: input.folder,
      metadata: {
        domain,
        sequenceLength: options.sequenceLength,
        renderer: input.renderer.name,
        tokenizer: input.tokenizer.digest,
      },
      rows: bins.map((bin) => bin.map((index) => pieces[index] as Piece)),
      firstShard: window.shards,
    },
    options,
  )
  totals.addShards(domain, shards, options)
  window.shards += shards.length / options.formats.length
  Object.assign(window, { pieces: [], documents: 0, tokens: 0, windows: windows + 1 })
}

/** Sums that become the manifest. */
class Totals {
  readonly #shards: WrittenShard[] = []
  /** By name, which may be a name that every object has. */
  readonly #domains = new Map<string, ShardManifest['domains'][string]>()
  readonly #packing: Omit<ShardManifest['packing'], 'fillRatio'> = {
    rows: 0,
    tokens: 0,
    trainedTokens: 0,
    documents: 0,
    documentsCut: 0,
    pieces: 0,
    sourceTokens: 0,
    repeatedHeaderTokens: 0,
    piecesWithoutHeader: 0,
    untrained: { pieces: 0, tokens: 0 },
    dropped: [],
    irregularBorders: 0,
  }

  addDocument(id: string, domain: string, cut: CutDocument, irregularBorders: number): void {
    const totals = this.#domains.get(domain) ?? { documents: 0, pieces: 0, tokens: 0, trainedTokens: 0 }
    this.#domains.set(domain, totals)
    totals.documents++
    totals.pieces += cut.pieces.length
    const all = this.#packing
    all.documents++
    if (cut.wasCut) all.documentsCut++
    all.pieces += cut.pieces.length
    all.sourceTokens += cut.sourceTokens
    all.repeatedHeaderTokens += cut.repeatedHeaderTokens
    all.piecesWithoutHeader += cut.piecesWithoutHeader
    all.untrained.pieces += cut.untrained.pieces
    all.untrained.tokens += cut.untrained.tokens
    for (const part of cut.dropped) all.dropped.push({ document: id, ...part })
    all.irregularBorders += irregularBorders
  }

  addShards(domain: string, shards: readonly WrittenShard[], { formats }: PackingOptions): void {
    this.#shards.push(...shards)
    const totals = this.#domains.get(domain)
    // Every format holds the same rows; count them once.
    for (const { format, rows, tokens, trainedTokens } of shards) {
      if (format !== formats[0] || totals === undefined) continue
      this.#packing.rows += rows
      for (const total of [this.#packing, totals]) {
        total.tokens += tokens
        total.trainedTokens += trainedTokens
      }
    }
  }

  manifest({ renderer, tokenizer }: DocumentsInput, { sequenceLength, seed, masks }: PackingOptions): ShardManifest {
    const { rows, tokens } = this.#packing
    return {
      schemaVersion: 1,
      sequenceLength,
      renderer: renderer.name,
      masks,
      tokenizer: { digest: tokenizer.digest, vocabularySize: tokenizer.vocabularySize },
      seed,
      shards: this.#shards,
      domains: Object.fromEntries(this.#domains),
      packing: { ...this.#packing, fillRatio: rows === 0 ? 0 : tokens / (rows * sequenceLength) },
    }
  }
}

/** A domain names files, so it must not lead out of the folder. */
function checkDomain(id: string, domain: string): void {
  if (/^[A-Za-z0-9][A-Za-z0-9._-]{0,99}$/.test(domain)) return
  throw new PackingError(
    'DOMAIN_INVALID',
    `Document ${id} has the domain ${JSON.stringify(domain)}, which becomes part of file names. Use at most 100 letters, digits, ".", "_" and "-".`,
    { id, domain },
  )
}

function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true)
    throw new CoreError('ABORTED', 'Packing was stopped. Run the same command again to finish it.')
}
