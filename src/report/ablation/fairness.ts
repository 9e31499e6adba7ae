import type { Ablation } from '../../records/index.js'
import { formatCount, formatPercent, formatPlural } from '../format.js'
import { html, type Html } from '../html.js'
import { armNames } from './words.js'

/** What was equal for the arms, what was not, and how far the figures carry. */
export function fairnessSection(ablation: Ablation): Html {
  const { seeds, sequenceLength, batchRows, measures, arms } = ablation
  const comparisons = measures.flatMap((measure) => measure.arms).filter(({ overSeeds }) => overSeeds !== null).length
  const droppedShares = arms.map(({ packed }) => packed.droppedTokens / (packed.tokens + packed.droppedTokens))
  const isWhole = arms.every(({ trainings }) => trainings.every(({ epochs }) => epochs >= 1))
  const equal = [
    'The model that each begins with, the optimizer, its schedule and every other setting.',
    `Tokens seen, to within one step; rows of ${formatCount(sequenceLength)} tokens at most, ${formatCount(batchRows)} a step.`,
    'The repositories. Bare code holds the files that the trajectories write, in the same order.',
    'The held-out repositories, packed once for all models.',
  ]
  const unequal = [
    'Passes over the data: a trajectory is longer than its code, so that equal tokens mean fewer passes over it, and less code seen.',
    `What fits in no row and is dropped: ${arms.map(({ arm }, at) => `${armNames[arm]} ${formatPercent(droppedShares[at] ?? 0, 1)}`).join(', ')} of the tokens. Bare code is cut between lines, a trajectory between steps alone.`,
    'Trained tokens: with the mask, what an agent reads is seen and not learned; unmasked, it is learned too, and nothing else is. What agents try and then mend is never learned. Of bare code all is learned.',
    'The form that is measured: each measure is nearer to what some arms were trained on than to others. Look at both.',
    'Fullness of rows: where documents fit them worse, a step holds fewer tokens, and there are more steps.',
  ]
  const limits = [
    seeds < 2
      ? 'One seed gives no spread, and nothing can be told apart.'
      : `A seed decides the order of the rows alone${isWhole ? '' : ', and so, in less than one pass, also which of them are seen'}. The spread over ${formatPlural(seeds, 'seed')} says how far that moves a figure, not how far other repositories would; the intervals by repository say something of that.`,
    comparisons === 0
      ? 'Without bare code among the arms, no arm is held against another.'
      : `${formatPlural(comparisons, 'comparison')} at 95 %, none corrected for the others: by chance alone about one in twenty looks like a difference.`,
    'Where the narrator of Retrace wrote the thoughts and the model is the small one that ships: it was trained on thoughts of the same narrator, so it knows their manner before the first step.',
    'A small model and few tokens: what holds here need not hold for a large model, and what does not show here may show there.',
  ]
  const list = (items: readonly string[]): Html =>
    html`<ul class="plain">
      ${items.map((item) => html`<li>${item}</li>`)}
    </ul>`
  return html`<section id="fairness">
    <h2>What was equal, and what was not</h2>
    <h3>Equal</h3>
    ${list(equal)}
    <h3>Not equal</h3>
    ${list(unequal)}
    <h3>How far these figures carry</h3>
    ${list(limits)}
  </section>`
}
