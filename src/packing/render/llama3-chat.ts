import type { Renderer, Segment } from '../../records/index.js'
import type { Masks } from '../masks.js'
import { segmentMaker, withLineEnd } from './segment-maker.js'
import { actionLine, planList } from './wording.js'

/**
 * The chat format of Llama-3-Instruct: requirements are the user's turn, the plan and every step a turn of the
 * assistant, an observation a turn of `tool`.
 *
 * Every part stands between special tokens, so an irregular border can only lie between action line and code.
 */
export function llama3ChatRenderer(masks: Masks): Renderer {
  const make = segmentMaker(masks)
  const turn = (role: string): Segment[] => [
    make.special('<|start_header_id|>'),
    ...make.text('template', role),
    make.special('<|end_header_id|>'),
    ...make.text('template', '\n\n'),
  ]
  const endOfTurn = make.special('<|eot_id|>')
  const endOfAction = make.actionBorder('<|eot_id|>', true)

  return {
    name: 'llama3-chat',
    header(trajectory) {
      const list = planList(trajectory)
      const { approach } = trajectory.plan
      return [
        make.special('<|begin_of_text|>'),
        ...turn('user'),
        ...make.text('requirement', trajectory.requirements),
        endOfTurn,
        ...turn('assistant'),
        ...make.text('plan', list === '' ? approach : `${approach}\n\n`),
        ...make.text('plan', list),
        endOfTurn,
      ]
    },
    step(step, read) {
      const { thought, action, observation } = step
      return {
        open: turn('assistant'),
        thought: make.text('thought', withLineEnd(thought?.text ?? '')),
        action: make.text('action', actionLine(step, read)),
        content: action.tool === 'Read' ? [] : make.text('action', read(action.content)),
        close:
          action.tool === 'Read'
            ? [
                endOfAction,
                ...turn('tool'),
                ...make.text('observation', observation === null ? '' : read(observation)),
                endOfTurn,
              ]
            : [endOfAction],
      }
    },
    end: () => [make.special('<|end_of_text|>')],
  }
}
