import type { Segment } from '../../records/index.js'
import type { Masks } from '../masks.js'
import { segmentMaker, withLineEnd } from './segment-maker.js'
import { rendererOf, type TurnRenderer } from './turn-renderer.js'

/**
 * The chat format of Llama-3-Instruct: requirements are the user's turn, the plan and every step a turn of the
 * assistant, an observation a turn of `tool`.
 *
 * Every part stands between special tokens, so an irregular border can only lie between action line and code.
 */
export function llama3ChatRenderer(masks: Masks): TurnRenderer {
  const make = segmentMaker(masks)
  const head = (role: string): Segment[] => [
    make.special('<|start_header_id|>'),
    ...make.text('template', role),
    make.special('<|end_header_id|>'),
    ...make.text('template', '\n\n'),
  ]
  return rendererOf({
    name: 'llama3-chat',
    opening: () => [make.special('<|begin_of_text|>')],
    acting: (thoughts, [line, ...content]) => ({
      open: head('assistant'),
      thought: thoughts.flatMap(({ text }) => make.text('thought', withLineEnd(text))),
      action: line === undefined ? [] : make.text(line.origin, line.text),
      content: content.flatMap(({ origin, text }) => make.text(origin, text)),
      close: [make.actionBorder('<|eot_id|>', true)],
    }),
    said: ({ role, parts }) => [
      ...head(role),
      ...parts.flatMap(({ origin, text }) => make.text(origin, text)),
      make.special('<|eot_id|>'),
    ],
    end: () => [make.special('<|end_of_text|>')],
  })
}
