import { formatCount, formatPercent, formatPlural } from '../format.js'
import { html, type Html } from '../html.js'
import type { ReportRun, ReportSpending, ReportWriting } from '../report-input.js'
import { factList } from './fact-list.js'
import { share } from './overview.js'

/** Who wrote the texts and at what cost, how plans were corrected, and which first versions were wrong. */
export function writingSection({ generator }: ReportRun, writing: ReportWriting): Html {
  const { used, paid, failures, plans, thoughts, debugging } = writing
  const roles = generator.prompts.map(({ role, version }) => `${role} ${version}`).join(', ')
  const facts: [string, string][] = [
    ['Written by', generator.model === '' ? `${generator.kind} ${generator.version}` : generator.model],
    ...(roles === '' ? [] : [['Prompts', roles] as [string, string]]),
    [
      'Thoughts by a model',
      `${formatCount(thoughts.byModel)} (${formatPercent(share(thoughts.byModel, thoughts.byModel + thoughts.byNarrator))})`,
    ],
    ...(used.calls === 0
      ? []
      : ([
          ['Answers used', spending(used)],
          ['Paid by this run', spending(paid)],
          ['Tried again', listed(failures)],
        ] as [string, string][])),
    [
      'Plans',
      `asked again ${formatCount(plans.askedAgain)}, files added ${formatCount(plans.added)}, entries dropped ${formatCount(plans.dropped)}, files moved ${formatCount(plans.moved)}`,
    ],
    [
      'First versions that were wrong',
      debugging.length === 0
        ? 'none'
        : debugging.map(({ fault, episodes }) => `${formatCount(episodes)} ${fault}`).join(', '),
    ],
  ]
  return html`<section id="writing">
    <h2>Who wrote it</h2>
    ${factList(facts)}
  </section>`
}

function spending({ calls, promptTokens, completionTokens }: ReportSpending): string {
  return `${formatPlural(calls, 'call')}, ${formatPlural(promptTokens, 'token')} asked, ${formatCount(completionTokens)} answered`
}

function listed(failures: ReportWriting['failures']): string {
  const kinds = Object.entries(failures).sort((a, b) => b[1] - a[1])
  return kinds.length === 0 ? 'nothing' : kinds.map(([kind, count]) => `${formatCount(count)} ${kind}`).join(', ')
}
