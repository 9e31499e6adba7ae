import { barList, legend, type Bar } from '../charts/bar-list.js'
import { formatCount, formatPercent, formatPlural, formatShort } from '../format.js'
import { html, type Html } from '../html.js'
import type { ReportRepository } from '../report-input.js'
import { ratio, share } from './overview.js'

const mostShown = 20

/** How much longer a trajectory is than its code, and how much of it is trained. */
export function tokensSection(repositories: readonly ReportRepository[]): Html {
  if (repositories.length === 0) {
    return html`<section id="tokens">
      <h2>Tokens, raw and reconstructed</h2>
      <p class="empty">No repository was reconstructed.</p>
    </section>`
  }
  const bySize = [...repositories].sort((a, b) => b.reconstructedTokens - a.reconstructedTokens)
  const shown = bySize.slice(0, mostShown)
  const summary = `Tokens by repository: ${shown.map(({ name, rawTokens, reconstructedTokens }) => `${name}, ${formatCount(rawTokens)} raw and ${formatCount(reconstructedTokens)} reconstructed`).join('; ')}.`
  return html`<section id="tokens">
    <h2>Tokens, raw and reconstructed</h2>
    ${legend([
      { tone: 'quiet', name: 'raw: the files as they are' },
      { tone: 'main', name: 'reconstructed, trained' },
      { tone: 'soft', name: 'reconstructed, not trained' },
    ])}
    <figure>
      ${barList(shown.flatMap(barsOf), { summary, axis: { name: 'tokens', format: formatShort } })}
      <figcaption>
        Tokens of the scoring model's tokenizer.
        ${shown.length < bySize.length ? `The ${formatCount(mostShown)} largest of ${formatPlural(bySize.length, 'repository', 'repositories')}; the table below has all. ` : ''}Not
        trained: what the agent only observes, first versions that are wrong, and templates.
      </figcaption>
    </figure>
  </section>`
}

function barsOf({ name, rawTokens, reconstructedTokens, trainedTokens }: ReportRepository): Bar[] {
  const masked = reconstructedTokens - trainedTokens
  return [
    {
      label: name,
      parts: [{ value: rawTokens, tone: 'quiet', name: `${name}: ${formatPlural(rawTokens, 'token')} raw` }],
      value: formatCount(rawTokens),
    },
    {
      label: '',
      parts: [
        { value: trainedTokens, tone: 'main', name: `${name}: ${formatPlural(trainedTokens, 'token')} trained` },
        { value: masked, tone: 'soft', name: `${name}: ${formatPlural(masked, 'token')} not trained` },
      ],
      value: formatCount(reconstructedTokens),
      note: `${ratio(reconstructedTokens, rawTokens)}, ${formatPercent(share(trainedTokens, reconstructedTokens))} trained`,
      joined: true,
    },
  ]
}
