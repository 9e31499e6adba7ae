import { formatCount, formatNumber, formatPercent, formatPlural, formatSeconds, formatShort } from '../format.js'
import { html, type Html } from '../html.js'
import { tile } from '../page/tile.js'
import type { ReportInput } from '../report-input.js'
import type { SearchSummary } from '../search-summary.js'

/** The name of the run and its main figures. */
export function overviewSection({ run, repositories, shards, stages }: ReportInput, search: SearchSummary): Html {
  const sum = (pick: (repository: (typeof repositories)[number]) => number): number =>
    repositories.reduce((total, repository) => total + pick(repository), 0)
  const files = sum(({ files }) => files)
  const [raw, reconstructed, trained] = [
    sum(({ rawTokens }) => rawTokens),
    sum(({ reconstructedTokens }) => reconstructedTokens),
    sum(({ trainedTokens }) => trainedTokens),
  ]
  const none = search.curve.find(({ condition }) => condition === 'none')?.perplexity ?? null
  const kept = search.curve.at(-1)?.perplexity ?? null
  const seconds = stages.reduce((total, stage) => total + stage.seconds, 0)
  return html`<header id="top">
    <p class="kicker">Retrace run report</p>
    <h1>${run.name}</h1>
    <p class="meta">
      Scored by ${run.model.name} · thoughts by ${run.generator.kind} ${run.generator.version} · rendered as
      ${run.renderer} · seed ${String(run.seed)} · Retrace ${run.retraceVersion}
    </p>
    <dl class="tiles">
      ${tile('Repositories', formatCount(repositories.length), formatPlural(files, 'file'))}
      ${tile('Tokens', formatShort(reconstructed), reconstructed === 0 ? 'nothing reconstructed' : `${ratio(reconstructed, raw)} of ${formatShort(raw)} raw · ${formatPercent(share(trained, reconstructed))} trained`)}
      ${tile('Code perplexity', formatNumber(kept, 2), none === null ? 'not searched' : `${formatNumber(none, 2)} without a thought`)}
      ${tile('Thoughts improved', formatPercent(search.improvedShare), `${formatCount(search.improved)} of ${formatCount(search.searched)} searched`)}
      ${tile('Fill ratio', formatPercent(shards?.packing.fillRatio ?? null, 1), shards === null ? 'not packed' : formatPlural(shards.packing.rows, 'packed row'))}
      ${tile('Time', stages.length === 0 ? '–' : formatSeconds(seconds), formatPlural(stages.length, 'stage'))}
    </dl>
  </header>`
}

/** `2.5×`, or a dash where `whole` is 0. */
export function ratio(part: number, whole: number): string {
  return whole === 0 ? '–' : `${formatNumber(part / whole, 2)}×`
}

export function share(part: number, whole: number): number | null {
  return whole === 0 ? null : part / whole
}
