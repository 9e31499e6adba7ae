import type { Renderer } from '../../records/index.js'
import type { Masks } from '../masks.js'
import { segmentMaker, withLineEnd } from './segment-maker.js'
import { actionLine, planList } from './wording.js'

const closing = 'End of action\n'

/**
 * For base models, which know no chat tokens: the document stands between begin and end of text, and every part below
 * a heading that has a line of its own, so that borders fall on line ends.
 *
 * Content without a line end at its end gets one as template; that border is irregular and is counted.
 */
export function plainRenderer(masks: Masks): Renderer {
  const make = segmentMaker(masks)
  return {
    name: 'plain',
    header(trajectory) {
      const list = planList(trajectory)
      const { approach } = trajectory.plan
      return [
        make.special('<|begin_of_text|>'),
        ...make.text('template', '# Requirements\n'),
        ...make.text('requirement', withLineEnd(trajectory.requirements)),
        ...make.text('template', '# Plan\n'),
        ...make.text('plan', list === '' ? withLineEnd(approach) : `${approach}\n\n`),
        ...make.text('plan', withLineEnd(list)),
      ]
    },
    step(step, read) {
      const { thought, action, observation } = step
      const content = action.tool === 'Read' ? '' : read(action.content)
      const seen = observation === null ? '' : read(observation)
      const close = [make.actionBorder(`${missingLineEnd(content)}${closing}`, false)]
      if (action.tool === 'Read') {
        close.push(...make.text('template', 'Observation:\n'), ...make.text('observation', seen))
        close.push(...make.text('template', missingLineEnd(seen)))
      }
      return {
        open: [],
        thought:
          thought === null
            ? []
            : [...make.text('template', 'Thought:\n'), ...make.text('thought', withLineEnd(thought.text))],
        action: [make.actionBorder('Action:\n', false), ...make.text('action', actionLine(step, read))],
        content: make.text('action', content),
        close,
      }
    },
    end: () => [make.special('<|end_of_text|>')],
  }
}

function missingLineEnd(text: string): string {
  return text === '' || text.endsWith('\n') ? '' : '\n'
}
