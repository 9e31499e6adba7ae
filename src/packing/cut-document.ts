import { joinRuns, type TokenizedDocument, type TokenRun } from './document.js'

/** A document, or a part of a document, that is one sequence of a row. */
export interface Piece extends TokenRun {
  /** The document's id, followed by `#0`, `#1` ... where the document was cut. */
  id: string
}

/** A part that fits in no row; `step` counts over all steps of the trajectory, -1 is the header. */
interface DroppedPart {
  step: number
  tokens: number
  reason: 'step-longer-than-row' | 'header-longer-than-row'
}

/** A document's pieces, and an account of every token: see `ShardManifest.packing` for the fields. */
export interface CutDocument {
  pieces: Piece[]
  /** The document is longer than a row. */
  wasCut: boolean
  dropped: DroppedPart[]
  sourceTokens: number
  repeatedHeaderTokens: number
  piecesWithoutHeader: number
  untrained: { pieces: number; tokens: number }
}

/** A piece that is being filled: what it repeats from the head of the document, and what is new in it. */
interface Draft {
  repeated: TokenRun
  own: TokenRun[]
  length: number
}

/**
 * Cuts a document into pieces of at most `sequenceLength` tokens, only between steps and as few as greedy filling gives.
 *
 * A continued piece begins with the header, masked. Where the header takes more than half a row, or leaves too little
 * room for the step, the piece begins with the requirements, or with the opening token alone. A step that has no room
 * even then is dropped; the piece ends there, so that no sequence goes on as if the step had happened.
 */
export function cutDocument(document: TokenizedDocument, sequenceLength: number): CutDocument {
  const { header, steps } = document
  const dropped: DroppedPart[] = []
  const drafts: Draft[] = []
  const nothing = masked({ ids: new Int32Array(0), trained: new Uint8Array(0) })

  // The first piece has the header as it is, trained.
  let current: Draft | null = { repeated: nothing, own: [header], length: header.ids.length }
  if (current.length > sequenceLength) {
    dropped.push({ step: -1, tokens: header.ids.length, reason: 'header-longer-than-row' })
    current = null
  } else drafts.push(current)

  for (const [index, step] of steps.entries()) {
    const length = step.ids.length
    if (current !== null && current.length + length <= sequenceLength) {
      current.own.push(step)
      current.length += length
      continue
    }
    const repeated = chooseHead(document, length, sequenceLength)
    if (repeated === null) {
      dropped.push({ step: index, tokens: length, reason: 'step-longer-than-row' })
      current = null
      continue
    }
    current = { repeated: masked(repeated), own: [step], length: repeated.ids.length + length }
    drafts.push(current)
  }
  return account(document, drafts, dropped)
}

/**
 * What a continued piece repeats before a step of this length: the longest head that takes no more than half of the row
 * and leaves room; `null` where the step has no room in any row.
 */
function chooseHead({ heads }: TokenizedDocument, stepLength: number, sequenceLength: number): TokenRun | null {
  const fits = ({ ids }: TokenRun): boolean =>
    ids.length <= sequenceLength / 2 && ids.length + stepLength <= sequenceLength
  return heads.find(fits) ?? null
}

function account(document: TokenizedDocument, drafts: readonly Draft[], dropped: DroppedPart[]): CutDocument {
  const trainable = drafts.filter(({ own }) => own.some((run) => run.trained.includes(1)))
  const leftOut = drafts.filter((draft) => !trainable.includes(draft))
  const wasCut = drafts.length + dropped.length > 1
  return {
    pieces: trainable.map((draft) => ({
      id: wasCut ? `${document.id}#${drafts.indexOf(draft)}` : document.id,
      ...joinRuns([draft.repeated, ...draft.own]),
    })),
    wasCut,
    dropped,
    sourceTokens: countTokens([document.header, ...document.steps]),
    repeatedHeaderTokens: countTokens(trainable.map((draft) => draft.repeated)),
    piecesWithoutHeader: trainable.filter(
      ({ repeated, own }) => own[0] !== document.header && repeated.ids.length < document.header.ids.length,
    ).length,
    untrained: { pieces: leftOut.length, tokens: countTokens(leftOut.flatMap((draft) => draft.own)) },
  }
}

function masked(run: TokenRun): TokenRun {
  return { ids: run.ids, trained: new Uint8Array(run.ids.length) }
}

function countTokens(runs: readonly TokenRun[]): number {
  return runs.reduce((sum, run) => sum + run.ids.length, 0)
}
