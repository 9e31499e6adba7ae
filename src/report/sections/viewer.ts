import { formatPlural } from '../format.js'
import { html, type Html } from '../html.js'
import type { ViewerSelection } from '../viewer-data.js'

/** The frame that the page's script fills with the chosen trajectory. */
export function viewerSection({ data, leftOut }: ViewerSelection): Html {
  return html`<section id="trajectories">
    <h2>Trajectories</h2>
    ${
      data.documents.length === 0
        ? html`<p class="empty">No trajectory is in this page.</p>`
        : html`<noscript><p class="empty">The viewer needs JavaScript; everything above does not.</p></noscript>
            <div id="viewer" hidden>
              <div class="viewer-bar">
                <label
                  >Trajectory
                  <select id="viewer-document"></select
                ></label>
                <label
                  >Find a file <input id="viewer-filter" type="search" autocomplete="off" spellcheck="false"
                /></label>
                <label class="check"><input id="viewer-trained" type="checkbox" checked /> Show what is trained</label>
              </div>
              <ul id="viewer-legend" class="legend"></ul>
              <div class="viewer-panes">
                <nav aria-label="Files in the order of writing"><ol id="viewer-files"></ol></nav>
                <div id="viewer-steps" tabindex="-1"></div>
              </div>
            </div>`
    }
    ${
      leftOut.length === 0
        ? null
        : html`<details open>
            <summary>Left out of this page: ${formatPlural(leftOut.length, 'trajectory', 'trajectories')}</summary>
            <ul class="plain">
              ${leftOut.map(({ name, id, reason }) => html`<li><b>${name}</b> <code>${id}</code> ${reason}</li>`)}
            </ul>
          </details>`
    }
  </section>`
}
