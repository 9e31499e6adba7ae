import type { Part, Turn } from '../records/index.js'
import type { SegmentMaker } from './segment-maker.js'
import type { RenderedStep, Segment } from './segment.js'

/** How one renderer writes the turns of a document. What the turns say is the same for every renderer. */
export interface TurnFormat {
  /** Names of all special tokens that the format uses; `begin` opens a document and `end` closes it. */
  readonly specialTokens: Readonly<{ begin: string; end: string } & Record<string, string>>
  /** A turn in which the agent thinks or acts. An action begins with the part that is its line. */
  acting(thoughts: readonly Part[], actions: readonly Part[]): RenderedStep
  /** Any other turn. */
  message(role: Turn['role'], parts: readonly Part[]): Segment[]
}

/** A row of the table of renderers. */
export type MakeTurnFormat = (make: SegmentMaker) => TurnFormat
