import { z } from 'zod'
import { rejectRow } from '../errors.js'

/** Content as both formats have it: a text, parts, or nothing. */
export const contentSchema = z
  .union([z.string(), z.array(z.looseObject({ type: z.string(), text: z.string().nullish() }))])
  .nullish()
type Content = z.infer<typeof contentSchema>

/** The text of content, its parts joined. A part that is no text rejects the whole row: its content would be missing. */
export function contentText(content: Content): string {
  if (content === null || content === undefined) return ''
  if (typeof content === 'string') return content
  return content
    .map(
      ({ type, text }) =>
        text ?? rejectRow('content-not-text', `a part of a message is of type ${JSON.stringify(type)}`),
    )
    .join('')
}
