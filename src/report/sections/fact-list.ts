import { html, type Html } from '../html.js'

/** A list of names with their values. */
export function factList(facts: readonly (readonly [string, string])[]): Html {
  return html`<dl class="facts">
    ${facts.map(
      ([name, value]) =>
        html`<div>
          <dt>${name}</dt>
          <dd>${value}</dd>
        </div>`,
    )}
  </dl>`
}
