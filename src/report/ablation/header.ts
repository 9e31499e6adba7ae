import type { Ablation } from '../../records/index.js'
import { formatCount, formatPlural, formatShort, pluralOf } from '../format.js'
import { html, type Html } from '../html.js'
import { tile } from '../page/tile.js'

/** The title of the page and its main figures. */
export function ablationHeader({ model, arms, seeds, tokens, repositories, retraceVersion, device }: Ablation): Html {
  return html`<header id="top">
    <p class="kicker">Retrace ablation</p>
    <h1>What ${model.name} learns from code, and from how it could have come about</h1>
    <p class="meta">Model ${model.digest.slice(0, 12)} · device ${device} · Retrace ${retraceVersion}</p>
    <dl class="tiles">
      ${tile('Models trained', formatCount(arms.length * seeds), `${formatPlural(arms.length, 'arm')}, ${formatPlural(seeds, 'seed')} each`)}
      ${tile('Tokens each', formatShort(tokens), 'for every model, to within one step')}
      ${tile('Trained on', formatCount(repositories.training.length), pluralOf(repositories.training.length, 'repository', 'repositories'))}
      ${tile('Measured on', formatCount(repositories.heldOut.length), `${pluralOf(repositories.heldOut.length, 'repository', 'repositories')} that no arm saw`)}
    </dl>
    ${knownNote(repositories.knownToModel)}
  </header>`
}

function knownNote(known: Ablation['repositories']['knownToModel']): Html | null {
  if (known.length === 0) return null
  const names = known.map(({ name, source }) => `${name} (listed as ${source})`).join(', ')
  return html`<p class="lead">
    <b>Held out, but known to the model:</b> by their names, it was trained before on ${names}. The measures below are
    not clean of that.
  </p>`
}
