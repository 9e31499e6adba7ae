/** Markup that is safe in the page: made by `html`, which escapes, or from constants of the page itself. */
export class Html {
  readonly #markup: string

  constructor(markup: string) {
    this.#markup = markup
  }

  toString(): string {
    return this.#markup
  }
}

type Content = Html | string | number | readonly Html[] | null

/** Markup from a template: contents are escaped, unless they are markup already. `null` gives nothing. */
export function html(parts: TemplateStringsArray, ...contents: Content[]): Html {
  return new Html(
    parts.map((part, at) => part + (at < contents.length ? markupOf(contents[at] as Content) : '')).join(''),
  )
}

function markupOf(content: Content): string {
  if (content === null) return ''
  if (content instanceof Html) return content.toString()
  if (typeof content === 'object') return content.map(String).join('')
  return escapeText(String(content))
}

const entities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

/** Text for an element or a quoted attribute. Control characters, which HTML forbids, are written as `\x07`. */
function escapeText(text: string): string {
  return text
    .replace(/[&<>"']/g, (found) => entities[found] as string)
    .replace(controlCharacters, (found) => `\\x${found.charCodeAt(0).toString(16).padStart(2, '0')}`)
}

// Written as codes, since an editor would lose the characters themselves.
const controlCharacters = new RegExp('[\\u0000-\\u0008\\u000b\\u000c\\u000e-\\u001f\\u007f]', 'g')
const lineSeparators = new RegExp('[\\u2028\\u2029]', 'g')

/**
 * JSON for a script element. It has no `<`, so that no text can end the element or open a comment; parsed, it gives the
 * same value.
 */
export function escapeJson(value: unknown): string {
  return JSON.stringify(value)
    .replaceAll('<', '\\u003c')
    .replace(lineSeparators, (found) => `\\u${found.charCodeAt(0).toString(16)}`)
}
