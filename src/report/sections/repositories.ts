import type { SearchRow } from '../../records/index.js'
import { formatCount, formatNumber, formatPercent, formatPlural } from '../format.js'
import { html, type Html } from '../html.js'
import type { ReportReject, ReportRepository } from '../report-input.js'
import { summarizeSearch } from '../search-summary.js'
import { ratio } from './overview.js'

/** A row for each repository, and the files that were skipped. */
export function repositoriesSection(repositories: readonly ReportRepository[], search: readonly SearchRow[]): Html {
  const rowsOf = groupBy(search, ({ trajectory }) => trajectory)
  const head = (name: string): Html => html`<th class="number">${name}</th>`
  return html`<section id="repositories">
    <h2>Repositories</h2>
    ${
      repositories.length === 0
        ? html`<p class="empty">The run has no repositories.</p>`
        : html`<div class="scroll">
            <table>
              <thead>
                <tr>
                  <th>Repository</th>
                  ${['Files', 'Skipped', 'Imports: files · external · unresolved', 'Cycles (largest)', 'Raw tokens', 'Reconstructed', 'Trained', 'Thoughts searched', 'Improved', 'Too long', 'Perplexity: none → kept'].map(head)}
                </tr>
              </thead>
              <tbody>
                ${repositories.map((repository) => repositoryRow(repository, rowsOf.get(repository.id) ?? []))}
              </tbody>
            </table>
          </div>`
    }
    ${repositories.filter(({ skipped }) => skipped.length > 0).map(skippedDetails)}
  </section>`
}

function repositoryRow(repository: ReportRepository, rows: readonly SearchRow[]): Html {
  const { name, files, skipped, importCounts, cycles, rawTokens, reconstructedTokens, trainedTokens } = repository
  const { searched, improved, improvedShare, tooLong, curve } = summarizeSearch(rows)
  const cells = [
    formatCount(files),
    formatCount(skipped.length),
    [importCounts.file, importCounts.external, importCounts.unresolved].map(formatCount).join(' · '),
    cycles.components === 0 ? '0' : `${formatCount(cycles.components)} (${formatPlural(cycles.largest, 'file')})`,
    formatCount(rawTokens),
    `${formatCount(reconstructedTokens)} (${ratio(reconstructedTokens, rawTokens)})`,
    formatCount(trainedTokens),
    formatCount(searched),
    improvedShare === null ? '–' : `${formatCount(improved)} (${formatPercent(improvedShare)})`,
    formatCount(tooLong),
    curve.length === 0
      ? '–'
      : `${formatNumber(curve[0]?.perplexity ?? null, 2)} → ${formatNumber(curve.at(-1)?.perplexity ?? null, 2)}`,
  ]
  return html`<tr>
    <td class="name">${name}</td>
    ${cells.map((cell) => html`<td class="number">${cell}</td>`)}
  </tr>`
}

function skippedDetails({ name, skipped }: ReportRepository): Html {
  const byReason = [...groupBy(skipped, ({ reason }) => reason)].sort((a, b) => b[1].length - a[1].length)
  const counts = byReason.map(([reason, files]) => `${formatCount(files.length)} ${reason}`).join(', ')
  return html`<details>
    <summary>${name}: ${formatPlural(skipped.length, 'file')} skipped (${counts})</summary>
    <ul class="plain">
      ${byReason.flatMap(([, files]) => files).map(({ path, reason, detail }) => html`<li><code>${path}</code> <span class="tag">${reason}</span> ${detail}</li>`)}
    </ul>
  </details>`
}

/** The rejected repositories, with the reasons. */
export function rejectsSection(rejects: readonly ReportReject[]): Html {
  return html`<section id="rejects">
    <h2>Rejected</h2>
    ${
      rejects.length === 0
        ? html`<p class="empty">Nothing was rejected.</p>`
        : html`<div class="scroll">
            <table>
              <thead>
                <tr>
                  <th>What</th>
                  <th>Stage</th>
                  <th>Reason</th>
                  <th>Message</th>
                </tr>
              </thead>
              <tbody>
                ${rejects.map(
                  ({ id, stage, reason, message }) =>
                    html`<tr>
                      <td class="name">${id}</td>
                      <td>${stage}</td>
                      <td><span class="tag">${reason}</span></td>
                      <td class="wide">${message}</td>
                    </tr>`,
                )}
              </tbody>
            </table>
          </div>`
    }
  </section>`
}

// `Map.groupBy` is not in Node 20.
function groupBy<T>(items: readonly T[], keyOf: (item: T) => string): Map<string, T[]> {
  const groups = new Map<string, T[]>()
  for (const item of items) {
    const group = groups.get(keyOf(item))
    if (group === undefined) groups.set(keyOf(item), [item])
    else group.push(item)
  }
  return groups
}
