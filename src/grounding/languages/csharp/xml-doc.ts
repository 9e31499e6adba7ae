import { proseOfComments } from '../../outline/comments.js'
import { withoutEntities } from '../../outline/html-entities.js'

/** C#'s XML documentation as prose: the summary without its tags. */
export const proseOfXmlDoc = (comments: readonly string[]): string => proseOfComments(comments, textOfXmlDoc)

function textOfXmlDoc(text: string): string {
  if (!/<\w/.test(text)) return text
  const summary = /<summary>([\s\S]*?)(?:<\/summary>|$)/.exec(text)?.[1]
  const description =
    summary ?? text.split(/<(?:param|typeparam|returns|exception|value|inheritdoc|example)\b/)[0] ?? ''
  const plain = description
    .replace(/<code\b[^>]{0,80}>[\s\S]*?(?:<\/code>|$)/g, '\n\n')
    // `cref="M:System.Text.Encoding.GetBytes(System.String)"` is called GetBytes.
    .replace(/<(?:see|seealso)\s+cref="(?:\w:)?([^"({<]{1,200})[^"]{0,300}"\s*>([^<]{1,200})<\/\w+>/g, '$2')
    .replace(/<(?:see|seealso)\s+cref="(?:\w:)?([^"({<]{1,200})[^"]{0,300}"\s*\/?>/g, '$1')
    .replace(/<(?:paramref|typeparamref|see|seealso)\s+(?:name|langword|href)="([^"]{1,300})"\s*\/?>/g, '$1')
    .replace(/<\/?(?:para|list|item|br)\b[^>]{0,80}>/g, '\n\n')
    .replace(/<\/?[a-z][\w-]{0,20}(?:\s[^<>]{0,200})?\/?>/g, '')
  return withoutEntities(plain)
}
