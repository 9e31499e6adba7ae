import { proseOfComments, withoutReferences } from './prose.js'

/** Javadoc as prose: inline tags become their text, examples in `<pre>` go. */
export const proseOfJavadoc = (comments: readonly string[]): string => proseOfComments(comments, textOfJavadoc)

function textOfJavadoc(text: string): string {
  const plain = text
    .replace(/<pre\b[^>]{0,80}>[\s\S]*?(?:<\/pre>|$)/gi, '\n\n')
    .replace(/\{@(?:code|literal|value|systemProperty|snippet|index|summary)\s+([^{}]{0,400})\}/g, '$1')
    .replace(/\{@inheritDoc\}/gi, '')
    // What is linked to is a class, a member or both: `List#add(int)`.
    .replace(/\{@(link|linkplain)\s+#?([\w.#]{1,200})\([^()]{0,200}\)/g, '{@$1 $2')
    .replace(/\{@(link|linkplain)\s+([\w.]{0,200})#/g, (_all, tag: string, type: string) =>
      type === '' ? `{@${tag} ` : `{@${tag} ${type}.`,
    )
  return withoutEntities(plain)
}

/** C#'s documentation as prose: the summary, without its tags. */
export const proseOfXmlDoc = (comments: readonly string[]): string => proseOfComments(comments, textOfXmlDoc)

function textOfXmlDoc(text: string): string {
  if (!/<\w/.test(text)) return text
  const summary = /<summary>([\s\S]*?)(?:<\/summary>|$)/.exec(text)?.[1]
  const said = summary ?? text.split(/<(?:param|typeparam|returns|exception|value|inheritdoc|example)\b/)[0] ?? ''
  const plain = said
    .replace(/<code\b[^>]{0,80}>[\s\S]*?(?:<\/code>|$)/g, '\n\n')
    // `cref="M:System.Text.Encoding.GetBytes(System.String)"` is called GetBytes.
    .replace(/<(?:see|seealso)\s+cref="(?:\w:)?([^"({<]{1,200})[^"]{0,300}"\s*>([^<]{1,200})<\/\w+>/g, '$2')
    .replace(/<(?:see|seealso)\s+cref="(?:\w:)?([^"({<]{1,200})[^"]{0,300}"\s*\/?>/g, '$1')
    .replace(/<(?:paramref|typeparamref|see|seealso)\s+(?:name|langword|href)="([^"]{1,300})"\s*\/?>/g, '$1')
    .replace(/<\/?(?:para|list|item|br)\b[^>]{0,80}>/g, '\n\n')
    .replace(/<\/?[a-z][\w-]{0,20}(?:\s[^<>]{0,200})?\/?>/g, '')
  return withoutEntities(plain)
}

/** Rust's documentation as prose: Markdown up to the first heading that has something above it. */
export const proseOfRustdoc = (comments: readonly string[]): string =>
  proseOfComments(comments, (text) => {
    const body = text.replace(/^\s*# [^\n]*\n/, '')
    const heading = body.search(/^[ \t]{0,3}#{1,6} /m)
    return withoutReferences(heading > 0 ? body.slice(0, heading) : body)
  })

const entities: Readonly<Record<string, string>> = {
  lt: '<',
  gt: '>',
  amp: '&',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  '#64': '@',
}

const withoutEntities = (text: string): string =>
  text.replace(/&(lt|gt|amp|quot|apos|nbsp|#64);/g, (_all, name: string) => entities[name] ?? '')
