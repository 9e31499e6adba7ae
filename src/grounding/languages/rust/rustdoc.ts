import { proseOfComments } from '../../outline/comments.js'
import { withoutReferences } from '../../outline/prose.js'

/** Rust's documentation as prose: the Markdown before the first heading that has text above it. */
export const proseOfRustdoc = (comments: readonly string[]): string =>
  proseOfComments(comments, (text) => {
    const body = text.replace(/^\s*# [^\n]*\n/, '')
    const heading = body.search(/^[ \t]{0,3}#{1,6} /m)
    return withoutReferences(heading > 0 ? body.slice(0, heading) : body)
  })
