import { formatPlural, formatSmall } from '../format.js'
import { html, type Html } from '../html.js'
import type { ReportRun } from '../report-input.js'
import { factList } from './fact-list.js'

/** The versions and settings of the run, so that it can be repeated. */
export function runSection(run: ReportRun): Html {
  const facts: [string, string][] = [
    ['Retrace', run.retraceVersion],
    ['Scoring model', run.model.name],
    ['Model digest', run.model.digest],
    ['Scored by', run.scorer === null ? 'nothing was scored' : `${run.scorer.device}, ${run.scorer.dtype}`],
    ['Context length', formatPlural(run.model.contextLength, 'token')],
    ['Generator', `${run.generator.kind} ${run.generator.version}`],
    ['Renderer', run.renderer],
    ['Seed', String(run.seed)],
    ['Measured noise', `${formatSmall(run.noise)} nats per token`],
    ['Least gain that counts', `${formatSmall(run.leastGain)} nats per token`],
  ]
  return html`<section id="run">
    <h2>How this was made</h2>
    ${factList(facts)}
    <details>
      <summary>Resolved config</summary>
      <pre class="config">${JSON.stringify(run.config, null, 2) ?? 'null'}</pre>
    </details>
  </section>`
}
