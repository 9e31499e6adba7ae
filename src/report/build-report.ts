import { html } from './html.js'
import { buildPage } from './page/page.js'
import { pageStyle } from './page/page-style.js'
import { viewerScript } from './page/viewer-script.js'
import { viewerStyle } from './page/viewer-style.js'
import type { ReportInput, ReportOptions } from './report-input.js'
import { languagesSection } from './sections/languages.js'
import { overviewSection } from './sections/overview.js'
import { packingSection } from './sections/packing.js'
import { rejectsSection, repositoriesSection } from './sections/repositories.js'
import { runSection } from './sections/run.js'
import { searchSection } from './sections/search.js'
import { timeSection } from './sections/time.js'
import { tokensSection } from './sections/tokens.js'
import { viewerSection } from './sections/viewer.js'
import { writingSection } from './sections/writing.js'
import { summarizeSearch } from './search-summary.js'
import { selectForViewer } from './viewer-data.js'

const links = [
  ['search', 'Search'],
  ['tokens', 'Tokens'],
  ['packing', 'Packing'],
  ['time', 'Time'],
  ['writing', 'Writing'],
  ['repositories', 'Repositories'],
  ['languages', 'Languages'],
  ['trajectories', 'Trajectories'],
  ['run', 'Run'],
] as const

/**
 * The report of a run as one HTML page. A pure function: equal input gives equal bytes. Text of repositories is escaped,
 * or stands as JSON in a block that no text can end.
 */
export function buildReport(input: ReportInput, { maxViewerBytes = 8 * 1024 * 1024 }: ReportOptions = {}): string {
  const search = summarizeSearch(input.search)
  const viewer = selectForViewer(input.documents, maxViewerBytes)
  return buildPage({
    title: `${input.run.name} · Retrace report`,
    style: pageStyle + viewerStyle,
    script: { code: viewerScript, data: viewer.data },
    body: html`<nav class="top" aria-label="Sections">
        <div>
          <a class="brand" href="#top">Retrace</a>${links.map(([id, name]) => html`<a href="#${id}">${name}</a>`)}
        </div>
      </nav>
      <main>
        ${overviewSection(input, search)} ${searchSection(input.search, search, input.run.leastGain)}
        ${tokensSection(input.repositories)} ${packingSection(input.shards)} ${timeSection(input.stages)}
        ${writingSection(input.run, input.writing)} ${repositoriesSection(input.repositories, input.search)}
        ${languagesSection(input.languages)} ${rejectsSection(input.rejects)} ${viewerSection(viewer)}
        ${runSection(input.run)}
      </main>`,
  })
}
