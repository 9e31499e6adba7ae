import { createHash } from 'node:crypto'
import { Html, escapeJson, html } from './html.js'
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
 * The report of a run as one HTML page that needs nothing else: no network, no other file.
 *
 * A pure function: equal input gives equal bytes. Repository text is escaped, or sits as JSON in a block that no text
 * can end; the page's policy lets no script run but its own, named by digest.
 */
export function buildReport(input: ReportInput, { maxViewerBytes = 8 * 1024 * 1024 }: ReportOptions = {}): string {
  const search = summarizeSearch(input.search)
  const viewer = selectForViewer(input.documents, maxViewerBytes)
  const style = pageStyle + viewerStyle
  const policy = `default-src 'none'; script-src '${digestSource(viewerScript)}'; style-src '${digestSource(style)}'; base-uri 'none'; form-action 'none'`
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta http-equiv="Content-Security-Policy" content="${new Html(policy)}" />
        <title>${input.run.name} · Retrace report</title>
        ${verbatim('style', '', style)}
      </head>
      <body>
        <nav class="top" aria-label="Sections">
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
        </main>
        ${verbatim('script', ' type="application/json" id="viewer-data"', escapeJson(viewer.data))}
        ${verbatim('script', '', viewerScript)}
      </body>
    </html>`
  return `${page.toString()}\n`
}

/** An element around exactly this text: the policy's digests are over every character in it, white space too. */
function verbatim(tag: 'style' | 'script', attributes: string, text: string): Html {
  return new Html(`<${tag}${attributes}>${text}</${tag}>`)
}

function digestSource(text: string): string {
  return `sha256-${createHash('sha256').update(text).digest('base64')}`
}
