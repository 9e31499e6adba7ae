import {
  headerTurns,
  isActing,
  stepTurns,
  type Part,
  type RenderedStep,
  type Renderer,
  type Segment,
  type Turn,
} from '../../records/index.js'

/** How one format writes the turns of a document; what they say is not its business. */
export interface Dialect {
  readonly name: string
  opening(): Segment[]
  /** A turn in which the agent thinks or acts: its thoughts stand first, each action begins with its line. */
  acting(thoughts: readonly Part[], actions: readonly Part[]): RenderedStep
  /** Any other turn. */
  said(turn: Turn): Segment[]
  end(): Segment[]
}

/** Renders trajectories for those who need a step in its parts, and conversations turn by turn: to the same segments. */
export interface TurnRenderer extends Renderer {
  /** What stands before the first turn. */
  opening(): Segment[]
  turn(turn: Turn): Segment[]
}

export function rendererOf(dialect: Dialect): TurnRenderer {
  const acting = ({ parts }: Turn): RenderedStep =>
    dialect.acting(
      parts.filter(({ origin }) => origin === 'thought'),
      parts.filter(({ origin }) => origin !== 'thought'),
    )
  return {
    name: dialect.name,
    opening: () => dialect.opening(),
    turn(turn) {
      const segments = isActing(turn) ? flatStep(acting(turn)) : dialect.said(turn)
      return turn.trained ? segments : segments.map((segment) => ({ ...segment, trainable: false }))
    },
    header: (trajectory) => [...dialect.opening(), ...headerTurns(trajectory).flatMap((turn) => dialect.said(turn))],
    step(step, read) {
      const [act, ...seen] = stepTurns(step, read)
      const rendered = acting(act)
      return { ...rendered, close: [...rendered.close, ...seen.flatMap((turn) => dialect.said(turn))] }
    },
    end: () => dialect.end(),
  }
}

/** All segments of a step, in order. */
export function flatStep({ open, thought, action, content, close }: RenderedStep): Segment[] {
  return [...open, ...thought, ...action, ...content, ...close]
}
