import type { Ablation } from '../../records/index.js'
import { formatCount, formatNumber, formatPercent, formatSeconds } from '../format.js'
import { html, type Html } from '../html.js'
import { armNames } from './words.js'

/** What each arm was trained on. */
export function armsSection({ arms, tokens }: Ablation): Html {
  return html`<section id="arms">
    <h2>What each arm saw</h2>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Trained on</th>
            <th class="number">Documents</th>
            <th class="number">Rows</th>
            <th class="number">Tokens there are</th>
            <th class="number">Trained</th>
            <th class="number">Dropped</th>
            <th class="number">Tokens seen</th>
            <th class="number">Trained tokens seen</th>
            <th class="number">Passes over the data</th>
            <th class="number">Steps</th>
            <th class="number">Training loss</th>
            <th class="number">Time</th>
          </tr>
        </thead>
        <tbody>
          ${arms.map(({ arm, packed, trainings }) => {
            const meanOf = (key: 'tokens' | 'trainedTokens' | 'epochs' | 'steps' | 'seconds'): number =>
              mean(trainings.map((training) => training[key]))
            const losses = trainings.flatMap(({ loss }) => (loss === null ? [] : [loss]))
            return html`<tr>
              <td class="name">${armNames[arm]}</td>
              <td class="number">${formatCount(packed.documents)}</td>
              <td class="number">${formatCount(packed.rows)}</td>
              <td class="number">${formatCount(packed.tokens)}</td>
              <td class="number">${formatPercent(packed.trainedTokens / packed.tokens)}</td>
              <td class="number">${formatCount(packed.droppedTokens)}</td>
              <td class="number">${formatCount(meanOf('tokens'))}</td>
              <td class="number">${formatCount(meanOf('trainedTokens'))}</td>
              <td class="number">${formatNumber(meanOf('epochs'), 2)}</td>
              <td class="number">${formatNumber(meanOf('steps'), 0)}</td>
              <td class="number">${formatNumber(losses.length === 0 ? null : mean(losses), 3)}</td>
              <td class="number">${formatSeconds(meanOf('seconds'))}</td>
            </tr>`
          })}
        </tbody>
      </table>
    </div>
    <p class="note">
      Means over the seeds. Training ends with the first whole step that reaches ${formatCount(tokens)} tokens. Losses
      of two arms cannot be held against each other: each is over other tokens.
    </p>
  </section>`
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length
}
