import type { Ablation } from '../../records/index.js'
import { formatCount, formatPercent } from '../format.js'
import { html, type Html } from '../html.js'

/** The repositories that were held out, trained on and left out. */
export function repositoriesSection({ repositories: { training, heldOut, leftOut, knownToModel } }: Ablation): Html {
  const known = new Map(knownToModel.map(({ name, source }) => [name, source]))
  return html`<section id="repositories">
    <h2>Repositories</h2>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Held out</th>
            <th class="number">Near-duplicate of training files</th>
            <th>Known to the model before</th>
          </tr>
        </thead>
        <tbody>
          ${heldOut.map(
            ({ name, overlap }) =>
              html`<tr>
                <td class="name">${name}</td>
                <td class="number">${formatPercent(overlap, 1)}</td>
                <td>${known.has(name) ? `by its name: ${known.get(name) ?? ''}` : 'not by its name'}</td>
              </tr>`,
          )}
        </tbody>
      </table>
    </div>
    <details>
      <summary>Trained on (${formatCount(training.length)})</summary>
      <ul class="plain">
        ${training.map(({ name, id }) => html`<li>${name} <code>${id}</code></li>`)}
      </ul>
    </details>
    ${
      leftOut.length === 0
        ? null
        : html`<details>
            <summary>Left out (${formatCount(leftOut.length)})</summary>
            <ul class="plain">
              ${leftOut.map(({ isHeldOut, message }) => html`<li>${isHeldOut ? 'Held out: ' : ''}${message}</li>`)}
            </ul>
          </details>`
    }
  </section>`
}
