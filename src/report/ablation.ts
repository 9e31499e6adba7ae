import { createHash } from 'node:crypto'
import type { Ablation, AblationArm, AblationMeasure } from '../records/index.js'
import { dotPlot, isReferenceShown, type DotRow } from './charts/dot-plot.js'
import {
  formatCount,
  formatNumber,
  formatPercent,
  formatPlural,
  formatSeconds,
  formatShort,
  formatSigned,
} from './format.js'
import { html, Html } from './html.js'
import { pageStyle } from './page/page-style.js'

type Measure = Ablation['measures'][number]
type MeasuredArm = Measure['arms'][number]

interface MeasureWords {
  title: string
  axis: string
  digits: number
  isLowerBetter: boolean
  what: string
}

const words: Record<AblationMeasure, MeasureWords> = {
  code: {
    title: 'Code of held-out repositories',
    axis: 'bits per byte, lower is better',
    digits: 4,
    isLowerBetter: true,
    what: 'What it takes to write down the files of repositories that no arm was trained on, one file after the other as they are. An arm trained on bare code has seen this very form; the others have not.',
  },
  'trajectory-code': {
    title: 'Code inside held-out trajectories',
    axis: 'bits per byte, lower is better',
    digits: 4,
    isLowerBetter: true,
    what: 'The same files where they stand in a trajectory, behind requirements, plan and thoughts (not searched). Only what an agent does counts: the code that it writes, and the lines that say what it reads and writes. Arms trained on trajectories have seen this form; the one trained on bare code has not.',
  },
  needle: {
    title: 'Needle in code',
    axis: 'share right, higher is better',
    digits: 3,
    isLowerBetter: false,
    what: 'How often the right one of several continuations is the likeliest.',
  },
  'exact-match': {
    title: 'Next lines, exactly',
    axis: 'share exact, higher is better',
    digits: 3,
    isLowerBetter: false,
    what: 'How often the next lines of a file come out as they are, its repository as context.',
  },
  'edit-similarity': {
    title: 'Next lines, nearly',
    axis: 'edit similarity, higher is better',
    digits: 3,
    isLowerBetter: false,
    what: 'How near the next lines of a file come to what they are, its repository as context.',
  },
}

const armNames: Record<AblationArm, string> = {
  'raw-code': 'bare code',
  trajectories: 'trajectories',
  'trajectories-unmasked': 'trajectories, unmasked',
  search: 'with search',
  'search-unmasked': 'with search, unmasked',
}

/** The page of an ablation: every seed a dot, what can be told apart, and what was equal. Pure; needs no other file. */
export function buildAblationReport(ablation: Ablation): string {
  const policy = `default-src 'none'; style-src 'sha256-${createHash('sha256').update(pageStyle).digest('base64')}'; base-uri 'none'; form-action 'none'`
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta http-equiv="Content-Security-Policy" content="${new Html(policy)}" />
        <title>Ablation of ${ablation.model.name} · Retrace</title>
        ${new Html(`<style>${pageStyle}</style>`)}
      </head>
      <body>
        <main>
          ${header(ablation)} ${ablation.measures.map((measure) => measureSection(measure, ablation))}
          ${armsSection(ablation)} ${fairnessSection(ablation)} ${repositoriesSection(ablation)}
        </main>
      </body>
    </html>`
  return `${page.toString()}\n`
}

function header({ model, arms, seeds, tokens, repositories, retraceVersion, device }: Ablation): Html {
  const tile = (name: string, value: string, note: string): Html =>
    html`<div class="tile">
      <dt>${name}</dt>
      <dd>${value}</dd>
      <dd class="note">${note}</dd>
    </div>`
  return html`<header id="top">
    <p class="kicker">Retrace ablation</p>
    <h1>What ${model.name} learns from code, and from how it could have come about</h1>
    <p class="meta">Model ${model.digest.slice(0, 12)} · device ${device} · Retrace ${retraceVersion}</p>
    <dl class="tiles">
      ${tile('Models trained', formatCount(arms.length * seeds), `${formatPlural(arms.length, 'arm')}, ${formatPlural(seeds, 'seed')} each`)}
      ${tile('Tokens each', formatShort(tokens), 'for every model, to within one step')}
      ${tile('Trained on', formatCount(repositories.training.length), 'repositories')}
      ${tile('Measured on', formatCount(repositories.heldOut.length), 'repositories that no arm saw')}
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

function measureSection(measure: Measure, { seeds }: Ablation): Html {
  const { title, axis, digits, what } = words[measure.measure]
  const rows = measure.arms.map((one): DotRow => {
    const dots = one.values.map((value, seed) => ({
      value,
      name: `${armNames[one.arm]}, seed ${seed}: ${formatNumber(value, digits)}`,
    }))
    const note = one.standardDeviation === null ? {} : { note: `± ${formatNumber(one.standardDeviation, digits)}` }
    return {
      label: armNames[one.arm],
      dots,
      mean: one.mean,
      interval: one.interval,
      value: formatNumber(one.mean, digits),
      ...note,
    }
  })
  const shown = isReferenceShown(
    rows.flatMap(({ dots, interval }) => [...dots.map(({ value }) => value), ...(interval ?? [])]),
    measure.base,
  )
  const base = `The model before training: ${formatNumber(measure.base, digits)}${shown ? ', the dashed line.' : ', too far off to be drawn.'}`
  return html`<section id="${measure.measure}">
    <h2>${title}</h2>
    <p class="lead">${what}</p>
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

function summaryOf({ measure, arms, base }: Measure): string {
  const { title, digits } = words[measure]
  return `${title}: before training ${formatNumber(base, digits)}; ${arms.map(({ arm, mean }) => `${armNames[arm]}, ${formatNumber(mean, digits)}`).join('; ')}.`
}

function differenceTable(measure: Measure): Html {
  const { digits } = words[measure.measure]
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
        ${measure.arms.map((one) => {
          const { arm, mean, standardDeviation, overSeeds, overRepositories } = one
          const interval = (of: typeof overSeeds): string => {
            const found = of?.interval ?? null
            return found === null ? '–' : `${formatSigned(found[0], digits)} to ${formatSigned(found[1], digits)}`
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
            <td>${verdictOf(measure.measure, one)}</td>
          </tr>`
        })}
      </tbody>
    </table>
  </div>`
}

/** What may be said of an arm beside bare code: nothing more than both intervals carry. */
export function verdictOf(
  measure: AblationMeasure,
  { arm, overSeeds, overRepositories }: Pick<MeasuredArm, 'arm' | 'overSeeds' | 'overRepositories'>,
): string {
  if (arm === 'raw-code') return 'what the others are held against'
  if (overSeeds === null) return 'nothing to hold it against: bare code is no arm here'
  if (overSeeds.interval === null) return 'not distinguishable: one seed has no spread'
  if (!overSeeds.isDistinguishable) return 'not distinguishable from bare code'
  const isBetter = overSeeds.mean < 0 === words[measure].isLowerBetter
  const side = isBetter ? 'better than bare code' : 'worse than bare code'
  if (overRepositories === null) return side
  const agrees = overRepositories.isDistinguishable && overRepositories.mean < 0 === overSeeds.mean < 0
  return agrees ? side : `${side} over seeds, not distinguishable over repositories`
}

function armsSection({ arms, tokens }: Ablation): Html {
  const mean = (values: readonly number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length
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
            const of = (pick: (training: (typeof trainings)[number]) => number): number => mean(trainings.map(pick))
            const losses = trainings.flatMap(({ loss }) => (loss === null ? [] : [loss]))
            return html`<tr>
              <td class="name">${armNames[arm]}</td>
              <td class="number">${formatCount(packed.documents)}</td>
              <td class="number">${formatCount(packed.rows)}</td>
              <td class="number">${formatCount(packed.tokens)}</td>
              <td class="number">${formatPercent(packed.trainedTokens / packed.tokens)}</td>
              <td class="number">${formatCount(packed.droppedTokens)}</td>
              <td class="number">${formatCount(of((one) => one.tokens))}</td>
              <td class="number">${formatCount(of((one) => one.trainedTokens))}</td>
              <td class="number">
                ${formatNumber(
                  of((one) => one.epochs),
                  2,
                )}
              </td>
              <td class="number">
                ${formatNumber(
                  of((one) => one.steps),
                  0,
                )}
              </td>
              <td class="number">${formatNumber(losses.length === 0 ? null : mean(losses), 3)}</td>
              <td class="number">${formatSeconds(of((one) => one.seconds))}</td>
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

function fairnessSection(ablation: Ablation): Html {
  const { seeds, sequenceLength, batchRows, measures, arms } = ablation
  const comparisons = measures.flatMap((one) => one.arms).filter(({ overSeeds }) => overSeeds !== null).length
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

function repositoriesSection({ repositories: { training, heldOut, leftOut, knownToModel } }: Ablation): Html {
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
