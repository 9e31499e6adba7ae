import type { Part, Turn } from '../../records/index.js'
import type { Masks } from '../masks.js'
import { segmentMaker, withLineEnd } from './segment-maker.js'
import { rendererOf, type TurnRenderer } from './turn-renderer.js'

/**
 * For base models, which know no chat tokens: the document stands between begin and end of text, and every part below
 * a heading that has a line of its own, so that borders fall on line ends.
 *
 * Content without a line end at its end gets one as template; that border is irregular and is counted.
 */
export function plainRenderer(masks: Masks): TurnRenderer {
  const make = segmentMaker(masks)
  return rendererOf({
    name: 'plain',
    opening: () => [make.special('<|begin_of_text|>')],
    acting(thoughts, actions) {
      const [line, ...content] = actions
      const told = thoughts.flatMap(({ text }) => make.text('thought', withLineEnd(text)))
      return {
        open: [],
        thought: told.length === 0 ? [] : [...make.text('template', 'Thought:\n'), ...told],
        action: line === undefined ? [] : [make.actionBorder('Action:\n', false), ...make.text(line.origin, line.text)],
        content: content.flatMap(({ origin, text }) => make.text(origin, text)),
        close: line === undefined ? [] : [make.actionBorder(`${missingLineEnd(actions)}End of action\n`, false)],
      }
    },
    said(turn) {
      // Words that nobody trains keep their bytes; the line end that they lack is template.
      const isSeen = turn.parts.some(({ origin }) => origin === 'observation')
      const texts = turn.parts.flatMap(({ origin, text }) => make.text(origin, isSeen ? text : withLineEnd(text)))
      const lineEnd = isSeen ? make.text('template', missingLineEnd(turn.parts)) : []
      return [...make.text('template', `${headingOf(turn, isSeen)}\n`), ...texts, ...lineEnd]
    },
    end: () => [make.special('<|end_of_text|>')],
  })
}

function headingOf({ role }: Turn, isSeen: boolean): string {
  switch (role) {
    case 'system':
      return '# System'
    case 'user':
      return isSeen ? 'User:' : '# Requirements'
    case 'assistant':
      return '# Plan'
    case 'tool':
      return 'Observation:'
  }
}

function missingLineEnd(parts: readonly Part[]): string {
  const last = parts.findLast(({ text }) => text !== '')
  return last === undefined || last.text.endsWith('\n') ? '' : '\n'
}
