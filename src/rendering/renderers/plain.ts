import type { Part, Turn } from '../../records/index.js'
import { documentTokens } from '../document-tokens.js'
import { withLineEnd, type SegmentMaker } from '../segment-maker.js'
import type { TurnFormat } from '../turn-format.js'

/**
 * For base models, which know no chat tokens: the document stands between begin and end of text, and every part below
 * a heading that has a line of its own, so that borders fall on line ends.
 *
 * Content without a line end at its end gets one as template; that border is irregular and is counted.
 */
export function plain(make: SegmentMaker): TurnFormat {
  return {
    specialTokens: documentTokens,
    acting(thoughts, actions) {
      const [line, ...content] = actions
      const thought = thoughts.flatMap(({ text }) => make.text('thought', withLineEnd(text)))
      return {
        open: [],
        thought: thought.length === 0 ? [] : [...make.text('template', 'Thought:\n'), ...thought],
        action: line === undefined ? [] : [make.actionBorder('Action:\n', false), ...make.text(line.origin, line.text)],
        content: content.flatMap(({ origin, text }) => make.text(origin, text)),
        close: line === undefined ? [] : [make.actionBorder(`${missingLineEnd(actions)}End of action\n`, false)],
      }
    },
    message(role, parts) {
      // Text that nobody trains keeps its bytes; a line end that it lacks is template.
      const isObserved = parts.some(({ origin }) => origin === 'observation')
      const texts = parts.flatMap(({ origin, text }) => make.text(origin, isObserved ? text : withLineEnd(text)))
      const lineEnd = isObserved ? make.text('template', missingLineEnd(parts)) : []
      return [...make.text('template', `${headingOf(role, isObserved)}\n`), ...texts, ...lineEnd]
    },
  }
}

function headingOf(role: Turn['role'], isObserved: boolean): string {
  switch (role) {
    case 'system':
      return '# System'
    case 'user':
      return isObserved ? 'User:' : '# Requirements'
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
