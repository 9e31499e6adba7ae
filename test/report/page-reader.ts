/** A script element as a browser cuts it: it ends at the first `</script`, whatever stands in it. */
interface ScriptElement {
  attributes: string
  content: string
}

export function scriptsOf(page: string): ScriptElement[] {
  const found = page.matchAll(/<script([^>]*)>([\s\S]*?)<\/script/gi)
  return [...found].map(([, attributes, content]) => ({ attributes: attributes as string, content: content as string }))
}

/** The value of the page's data block. */
export function dataOf(page: string): unknown {
  const block = scriptsOf(page).find(({ attributes }) => attributes.includes('application/json'))
  if (block === undefined) throw new Error('the page has no data block')
  return JSON.parse(block.content)
}

/** What a reader sees, white space folded: markup, scripts, styles and tooltips removed, entities resolved. */
export function textOf(page: string): string {
  return page
    .replace(/<(script|style|title)[\s\S]*?<\/\1>/gi, ' ')
    .replace(/<[^>]*>/g, ' ')
    .replaceAll('&lt;', '<')
    .replaceAll('&gt;', '>')
    .replaceAll('&quot;', '"')
    .replaceAll('&#39;', "'")
    .replaceAll('&amp;', '&')
    .replace(/\s+/g, ' ')
}

/** Names of the tags that open in the page outside scripts and styles, each once. */
export function tagsOf(page: string): Set<string> {
  const markup = page.replace(/<(script|style)([^>]*)>[\s\S]*?<\/\1>/gi, '<$1$2>')
  return new Set([...markup.matchAll(/<([a-z][a-z0-9]*)/gi)].map(([, name]) => (name as string).toLowerCase()))
}
