import { documentTokens } from '../document-tokens.js'
import { withLineEnd, type SegmentMaker } from '../segment-maker.js'
import type { Segment } from '../segment.js'
import type { TurnFormat } from '../turn-format.js'

const specialTokens = {
  ...documentTokens,
  beginRole: '<|start_header_id|>',
  endRole: '<|end_header_id|>',
  endTurn: '<|eot_id|>',
}

/**
 * The chat format of Llama-3-Instruct: requirements are the user's turn, the plan and every step a turn of the
 * assistant, an observation a turn of `tool`.
 *
 * Every part stands between special tokens, so an irregular border can only lie between action line and code.
 */
export function llama3Chat(make: SegmentMaker): TurnFormat {
  const head = (role: string): Segment[] => [
    make.special(specialTokens.beginRole),
    ...make.text('template', role),
    make.special(specialTokens.endRole),
    ...make.text('template', '\n\n'),
  ]
  return {
    specialTokens,
    acting: (thoughts, [line, ...content]) => ({
      open: head('assistant'),
      thought: thoughts.flatMap(({ text }) => make.text('thought', withLineEnd(text))),
      action: line === undefined ? [] : make.text(line.origin, line.text),
      content: content.flatMap(({ origin, text }) => make.text(origin, text)),
      close: [make.actionBorder(specialTokens.endTurn, true)],
    }),
    message: (role, parts) => [
      ...head(role),
      ...parts.flatMap(({ origin, text }) => make.text(origin, text)),
      make.special(specialTokens.endTurn),
    ],
  }
}
