import { html, type Html } from '../html.js'

/** A main figure of a page: its name, its value and a note below. */
export function tile(name: string, value: string, note: string): Html {
  return html`<div class="tile">
    <dt>${name}</dt>
    <dd>${value}</dd>
    <dd class="note">${note}</dd>
  </div>`
}
