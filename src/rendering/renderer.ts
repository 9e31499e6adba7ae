import type { SpanReader } from '../core/index.js'
import type { Step, Trajectory, Turn } from '../records/index.js'
import { toolCallOf, toolOf } from '../tools/index.js'
import { RenderingError } from './errors.js'
import { defaultMasks, type Masks } from './masks.js'
import { callParts, isActing, planParts, textParts } from './parts.js'
import { rendererNames, turnFormats, type RendererName } from './renderers/table.js'
import { segmentMaker } from './segment-maker.js'
import { flatStep, type RenderedStep, type Segment } from './segment.js'
import type { TurnFormat } from './turn-format.js'

/**
 * Turns trajectories into segments, each step in its parts, and conversations turn by turn. What was exported of a
 * trajectory and imported again renders to the segments of the trajectory.
 */
export interface Renderer {
  readonly name: string
  /** Names of the special tokens that a tokenizer must have. */
  readonly specialTokens: readonly string[]
  /** What stands before the first turn. */
  opening(): Segment[]
  /** Opening, requirements and plan: what stands before the first step, and what a continued piece repeats. */
  header(trajectory: Pick<Trajectory, 'requirements' | 'plan'>): Segment[]
  step(step: Step, read: SpanReader): RenderedStep
  /** A turn of a conversation. */
  turn(turn: Turn): Segment[]
  /** What closes the document. */
  end(): Segment[]
}

/**
 * The renderer of this name, with the given table of what is trained.
 *
 * @throws RenderingError `RENDERER_UNKNOWN`
 */
export function createRenderer(name: RendererName, masks: Masks = defaultMasks): Renderer {
  if (!Object.hasOwn(turnFormats, name)) {
    const message = `There is no renderer "${String(name)}". Choose one of: ${rendererNames.join(', ')}.`
    throw new RenderingError('RENDERER_UNKNOWN', message)
  }
  const make = segmentMaker(masks)
  const format = turnFormats[name](make)
  const { begin, end } = format.specialTokens
  const opening = (): Segment[] => [make.special(begin)]
  return {
    name,
    specialTokens: Object.values(format.specialTokens),
    opening,
    header: ({ requirements, plan }) => [
      ...opening(),
      ...format.message('user', textParts('requirement', requirements)),
      ...format.message('assistant', planParts(plan)),
    ],
    step: (step, read) => renderStep(step, read, format),
    turn: (turn) => renderTurn(turn, format),
    end: () => [make.special(end)],
  }
}

function renderStep(step: Step, read: SpanReader, format: TurnFormat): RenderedStep {
  const { thought, action, observation } = step
  const isDraft = 'draft' in action && action.draft === true
  const rendered = format.acting(textParts('thought', thought?.text ?? ''), callParts(toolCallOf(step, read), isDraft))
  if (!toolOf(action.tool).shows) return rendered
  const seen = textParts('observation', observation === null ? '' : read(observation))
  return { ...rendered, close: [...rendered.close, ...format.message('tool', seen)] }
}

function renderTurn(turn: Turn, format: TurnFormat): Segment[] {
  const { role, parts, trained } = turn
  const segments = isActing(turn)
    ? flatStep(
        format.acting(
          parts.filter(({ origin }) => origin === 'thought'),
          parts.filter(({ origin }) => origin !== 'thought'),
        ),
      )
    : format.message(role, parts)
  return trained ? segments : segments.map((segment) => ({ ...segment, trainable: false }))
}
