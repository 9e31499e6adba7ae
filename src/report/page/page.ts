import { createHash } from 'node:crypto'
import { escapeJson, Html, html } from '../html.js'

interface PageParts {
  title: string
  style: string
  body: Html
  /** The page's own script, and the data that it reads from `#viewer-data`. */
  script?: { code: string; data: unknown }
}

/**
 * One HTML page that needs nothing else: no network, no other file. Its policy allows nothing but its own style and
 * script, which it names by digest.
 */
export function buildPage({ title, style, body, script }: PageParts): string {
  const policy = [
    "default-src 'none'",
    ...(script === undefined ? [] : [`script-src ${digestSource(script.code)}`]),
    `style-src ${digestSource(style)}`,
    "base-uri 'none'",
    "form-action 'none'",
  ].join('; ')
  const page = html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width, initial-scale=1" />
        <meta name="color-scheme" content="light dark" />
        <meta http-equiv="Content-Security-Policy" content="${new Html(policy)}" />
        <title>${title}</title>
        ${verbatim('style', '', style)}
      </head>
      <body>
        ${body} ${script === undefined ? null : scriptElements(script)}
      </body>
    </html>`
  return `${page.toString()}\n`
}

function scriptElements({ code, data }: { code: string; data: unknown }): Html {
  return html`${verbatim('script', ' type="application/json" id="viewer-data"', escapeJson(data))}
  ${verbatim('script', '', code)}`
}

/** An element around exactly this text: the policy's digests are over every character in it, white space too. */
function verbatim(tag: 'style' | 'script', attributes: string, text: string): Html {
  return new Html(`<${tag}${attributes}>${text}</${tag}>`)
}

function digestSource(text: string): string {
  return `'sha256-${createHash('sha256').update(text).digest('base64')}'`
}
