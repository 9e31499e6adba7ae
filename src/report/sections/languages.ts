import { formatCount, formatPercent } from '../format.js'
import { html, type Html } from '../html.js'
import type { ReportLanguage } from '../report-input.js'
import { share } from './overview.js'

/** For each language: how many files were parsed, and where their imports lead. */
export function languagesSection(languages: readonly ReportLanguage[]): Html {
  const head = (name: string): Html => html`<th class="number">${name}</th>`
  return html`<section id="languages">
    <h2>Languages</h2>
    <div class="scroll">
      <table>
        <thead>
          <tr>
            <th>Language</th>
            ${['Files', 'With a syntax tree', 'Imports of files', 'External', 'Unresolved', 'Unresolved of own'].map(head)}
          </tr>
        </thead>
        <tbody>
          ${languages.map(languageRow)}
        </tbody>
      </table>
    </div>
  </section>`
}

function languageRow({ language, files, parsed, importCounts: { file, external, unresolved } }: ReportLanguage): Html {
  const cells = [
    formatCount(files),
    formatPercent(share(parsed, files)),
    formatCount(file),
    formatCount(external),
    formatCount(unresolved),
    formatPercent(share(unresolved, file + unresolved), 1),
  ]
  return html`<tr>
    <td class="name">${language}</td>
    ${cells.map((cell) => html`<td class="number">${cell}</td>`)}
  </tr>`
}
