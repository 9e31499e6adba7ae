import type { ShardManifest } from '../../records/index.js'
import { barList, legend, type Bar } from '../charts/bar-list.js'
import { formatBytes, formatCount, formatPercent, formatPlural } from '../format.js'
import { html, type Html } from '../html.js'
import { share } from './overview.js'

const mostShards = 12

/** How full the packed rows are, and their contents by domain. */
export function packingSection(manifest: ShardManifest | null): Html {
  if (manifest === null || manifest.packing.rows === 0) {
    return html`<section id="packing">
      <h2>Packed rows</h2>
      <p class="empty">The run has no packed rows.</p>
    </section>`
  }
  const { packing, sequenceLength } = manifest
  const files = filesOfOneFormat(manifest)
  const bars = [
    capacityBar('all rows', packing, sequenceLength, packing.fillRatio),
    ...(files.length > 1 ? files.slice(0, mostShards).map((file) => capacityBar(file.file, file, sequenceLength)) : []),
  ]
  return html`<section id="packing">
    <h2>Packed rows</h2>
    <p class="lead">
      ${formatPlural(packing.documents, 'document')} became ${formatPlural(packing.pieces, 'piece')} in
      ${formatPlural(packing.rows, 'row')} of ${formatCount(sequenceLength)} tokens;
      ${formatPercent(packing.fillRatio, 1)} of the space is filled.
    </p>
    ${legend([
      { tone: 'main', name: 'trained' },
      { tone: 'soft', name: 'not trained' },
      { tone: 'empty', name: 'empty' },
    ])}
    <figure>
      ${barList(bars, {
        summary: `Fill ratio: ${bars.map(({ label, value }) => `${label}, ${value}`).join('; ')}.`,
        end: 1,
        axis: { name: 'of rows × length', format: (value) => formatPercent(value) },
      })}
      <figcaption>
        Share of rows × sequence length that holds
        tokens.${files.length > mostShards ? ` The first ${mostShards} of ${formatCount(files.length)} shards.` : ''}
        ${caveats(packing)}
      </figcaption>
    </figure>
    ${domainTable(manifest)} ${shardTable(manifest)}
  </section>`
}

function capacityBar(
  label: string,
  { rows, tokens, trainedTokens }: { rows: number; tokens: number; trainedTokens: number },
  sequenceLength: number,
  fillRatio = tokens / (rows * sequenceLength),
): Bar {
  const capacity = rows * sequenceLength
  const count = (name: string, tokens: number): string => `${name}: ${formatPlural(tokens, 'token')}`
  return {
    label,
    parts: [
      { value: trainedTokens / capacity, tone: 'main', name: count('trained', trainedTokens) },
      { value: (tokens - trainedTokens) / capacity, tone: 'soft', name: count('not trained', tokens - trainedTokens) },
      { value: 1 - tokens / capacity, tone: 'empty', name: count('empty', capacity - tokens) },
    ],
    value: formatPercent(fillRatio, 1),
    note: formatPlural(rows, 'row'),
  }
}

/** Every format holds the same rows, so the files of the first format are enough for a picture. */
function filesOfOneFormat({ shards }: ShardManifest): ShardManifest['shards'] {
  const written = shards.filter(({ rows }) => rows > 0)
  return written.filter(({ format }) => format === written[0]?.format)
}

function caveats(packing: ShardManifest['packing']): string {
  return [
    `${formatPlural(packing.documentsCut, 'document was', 'documents were')} cut between steps,`,
    `with ${formatPlural(packing.repeatedHeaderTokens, 'header token')} repeated, masked.`,
    packing.untrained.pieces === 0
      ? ''
      : `${formatPlural(packing.untrained.pieces, 'piece')} (${formatPlural(packing.untrained.tokens, 'token')}) with nothing to train ${packing.untrained.pieces === 1 ? 'was' : 'were'} not written.`,
    packing.dropped.length === 0
      ? 'No step was dropped.'
      : `${formatPlural(packing.dropped.length, 'step')} fitted no row and ${packing.dropped.length === 1 ? 'was' : 'were'} dropped.`,
    `${formatPlural(packing.irregularBorders, 'border')} between segments could tokenize otherwise when joined.`,
  ]
    .filter((sentence) => sentence !== '')
    .join(' ')
}

function domainTable({ domains, packing }: ShardManifest): Html {
  const names = Object.keys(domains).sort()
  return html`<div class="scroll">
    <table>
      <thead>
        <tr>
          <th>Domain</th>
          <th class="number">Documents</th>
          <th class="number">Pieces</th>
          <th class="number">Tokens</th>
          <th class="number">Share of tokens</th>
          <th class="number">Trained</th>
        </tr>
      </thead>
      <tbody>
        ${names.map((name) => {
          const totals = domains[name] as ShardManifest['domains'][string]
          return html`<tr>
            <td>${name}</td>
            <td class="number">${formatCount(totals.documents)}</td>
            <td class="number">${formatCount(totals.pieces)}</td>
            <td class="number">${formatCount(totals.tokens)}</td>
            <td class="number">${formatPercent(share(totals.tokens, packing.tokens), 1)}</td>
            <td class="number">${formatPercent(share(totals.trainedTokens, totals.tokens), 1)}</td>
          </tr>`
        })}
      </tbody>
    </table>
  </div>`
}

function shardTable({ shards, packing }: ShardManifest): Html {
  return html`<details>
      <summary>Shard files (${formatCount(shards.length)})</summary>
      <div class="scroll">
        <table>
          <thead>
            <tr>
              <th>File</th>
              <th class="number">Rows</th>
              <th class="number">Tokens</th>
              <th class="number">Trained tokens</th>
              <th class="number">Size</th>
              <th>SHA-256</th>
            </tr>
          </thead>
          <tbody>
            ${shards.map(
              (shard) =>
                html`<tr>
                  <td>${shard.file}</td>
                  <td class="number">${formatCount(shard.rows)}</td>
                  <td class="number">${formatCount(shard.tokens)}</td>
                  <td class="number">${formatCount(shard.trainedTokens)}</td>
                  <td class="number">${formatBytes(shard.sizeBytes)}</td>
                  <td><code title="${shard.sha256}">${shard.sha256.slice(0, 12)}</code></td>
                </tr>`,
            )}
          </tbody>
        </table>
      </div>
    </details>
    ${
      packing.dropped.length === 0
        ? null
        : html`<details>
            <summary>Dropped steps (${formatCount(packing.dropped.length)})</summary>
            <ul class="plain">
              ${packing.dropped.map(({ document, step, tokens, reason }) => html`<li><code>${document}</code> step ${step + 1}, ${formatPlural(tokens, 'token')}: ${reason}</li>`)}
            </ul>
          </details>`
    }`
}
