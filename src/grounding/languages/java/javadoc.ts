import { proseOfComments } from '../../outline/comments.js'
import { withoutEntities } from '../../outline/html-entities.js'

/** Javadoc as prose: inline tags become their text, examples in `<pre>` are removed. */
export const proseOfJavadoc = (comments: readonly string[]): string => proseOfComments(comments, textOfJavadoc)

function textOfJavadoc(text: string): string {
  const plain = text
    .replace(/<pre\b[^>]{0,80}>[\s\S]*?(?:<\/pre>|$)/gi, '\n\n')
    .replace(/\{@(?:code|literal|value|systemProperty|snippet|index|summary)\s+([^{}]{0,400})\}/g, '$1')
    .replace(/\{@inheritDoc\}/gi, '')
    // A link names a class, a member or both: `List#add(int)`.
    .replace(/\{@(link|linkplain)\s+#?([\w.#]{1,200})\([^()]{0,200}\)/g, '{@$1 $2')
    .replace(/\{@(link|linkplain)\s+([\w.]{0,200})#/g, (_whole, tag: string, type: string) =>
      type === '' ? `{@${tag} ` : `{@${tag} ${type}.`,
    )
  return withoutEntities(plain)
}
