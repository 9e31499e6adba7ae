import type { Ablation } from '../../records/index.js'
import { dotPlot, isReferenceShown, type DotRow } from '../charts/dot-plot.js'
import { formatNumber, formatSigned } from '../format.js'
import { html, type Html } from '../html.js'
import { verdictOf, type MeasuredArm } from './verdict.js'
import { armNames, measureWords } from './words.js'

type Measure = Ablation['measures'][number]

/** A measure: every seed a dot, and a table of the differences to bare code. */
export function measureSection(measure: Measure, { seeds }: Ablation): Html {
  const { title, axis, digits, description } = measureWords[measure.measure]
  const rows = measure.arms.map((arm) => dotRow(arm, digits))
  const shown = isReferenceShown(
    rows.flatMap(({ dots, interval }) => [...dots.map(({ value }) => value), ...(interval ?? [])]),
    measure.base,
  )
  const base = `The model before training: ${formatNumber(measure.base, digits)}${shown ? ', the dashed line.' : ', too far off to be drawn.'}`
  return html`<section id="${measure.measure}">
    <h2>${title}</h2>
    <p class="lead">${description}</p>
    <figure>
      ${dotPlot(rows, { summary: summaryOf(measure), axisName: axis, reference: measure.base })}
      <figcaption>
        A dot is one seed, the ring their mean with the standard deviation beside
        it${seeds < 2 ? ' (one seed alone has none)' : ', the line the 95 % interval of the mean (Student’s t)'}.
        ${base} The axis does not begin at zero.
      </figcaption>
    </figure>
    ${differenceTable(measure)}
  </section>`
}

function dotRow({ arm, values, mean, interval, standardDeviation }: MeasuredArm, digits: number): DotRow {
  const label = armNames[arm]
  const dots = values.map((value, seed) => ({ value, name: `${label}, seed ${seed}: ${formatNumber(value, digits)}` }))
  const note = standardDeviation === null ? {} : { note: `± ${formatNumber(standardDeviation, digits)}` }
  return { label, dots, mean, interval, value: formatNumber(mean, digits), ...note }
}

function summaryOf({ measure, arms, base }: Measure): string {
  const { title, digits } = measureWords[measure]
  return `${title}: before training ${formatNumber(base, digits)}; ${arms.map(({ arm, mean }) => `${armNames[arm]}, ${formatNumber(mean, digits)}`).join('; ')}.`
}

function differenceTable(measure: Measure): Html {
  const { digits } = measureWords[measure.measure]
  return html`<div class="scroll whole">
    <table>
      <thead>
        <tr>
          <th>Trained on</th>
          <th class="number">Mean</th>
          <th class="number">Standard deviation</th>
          <th class="number">Difference to bare code, by seed</th>
          <th class="number">Standard error</th>
          <th class="number">95 % interval</th>
          <th class="number">By repository: difference, 95 % interval</th>
          <th class="number">Better in</th>
          <th>Verdict</th>
        </tr>
      </thead>
      <tbody>
        ${measure.arms.map((measured) => {
          const { arm, mean, standardDeviation, overSeeds, overRepositories } = measured
          const interval = (difference: typeof overSeeds): string => {
            const ends = difference?.interval ?? null
            return ends === null ? '–' : `${formatSigned(ends[0], digits)} to ${formatSigned(ends[1], digits)}`
          }
          return html`<tr>
            <td class="name">${armNames[arm]}</td>
            <td class="number">${formatNumber(mean, digits)}</td>
            <td class="number">${formatNumber(standardDeviation, digits)}</td>
            <td class="number">${formatSigned(overSeeds?.mean ?? null, digits)}</td>
            <td class="number">${formatNumber(overSeeds?.standardError ?? null, digits)}</td>
            <td class="number">${interval(overSeeds)}</td>
            <td class="number">
              ${overRepositories === null ? '–' : `${formatSigned(overRepositories.mean, digits)}, ${interval(overRepositories)}`}
            </td>
            <td class="number">
              ${overRepositories === null ? '–' : `${overRepositories.better} of ${overRepositories.pairs}`}
            </td>
            <td>${verdictOf(measure.measure, measured)}</td>
          </tr>`
        })}
      </tbody>
    </table>
  </div>`
}
