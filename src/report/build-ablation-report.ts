import type { Ablation } from '../records/index.js'
import { armsSection } from './ablation/arms.js'
import { fairnessSection } from './ablation/fairness.js'
import { ablationHeader } from './ablation/header.js'
import { measureSection } from './ablation/measure.js'
import { repositoriesSection } from './ablation/repositories.js'
import { html } from './html.js'
import { buildPage } from './page/page.js'
import { pageStyle } from './page/page-style.js'

/** The report of an ablation as one HTML page: all seeds, what can be told apart, and what was equal. A pure function. */
export function buildAblationReport(ablation: Ablation): string {
  return buildPage({
    title: `Ablation of ${ablation.model.name} · Retrace`,
    style: pageStyle,
    body: html`<main>
      ${ablationHeader(ablation)} ${ablation.measures.map((measure) => measureSection(measure, ablation))}
      ${armsSection(ablation)} ${fairnessSection(ablation)} ${repositoriesSection(ablation)}
    </main>`,
  })
}
