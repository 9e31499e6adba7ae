import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { readFileIfPresent } from '../core/index.js'
import {
  trainingEventSchema,
  type EndEvent,
  type StartEvent,
  type StepEvent,
  type TrainingEvent,
} from '../records/index.js'

/** What `metrics.jsonl` has reported so far. */
export interface FollowedMetrics {
  /** Of this start; `null` before it. */
  start: StartEvent | null
  end: EndEvent | null
  /** The newest step, of this start or of an earlier one. */
  lastStep: StepEvent | null
  /** Lines of this start that are not events. */
  badLines: number
}

/**
 * Reads the events that the loop appends to `metrics.jsonl` after a start.
 *
 * On a start the loop replaces the file by its first lines, without the steps that run again, and appends: the lines of
 * this start begin where the file differs from what it was before. From then on it only grows.
 */
export class MetricsFollower {
  readonly metrics: FollowedMetrics = { start: null, end: null, lastStep: null, badLines: 0 }
  readonly #path: string
  readonly #onEvent: (event: TrainingEvent) => void
  readonly #linesBefore: string[]
  /** Where in the file to read on; `null` before the start event. */
  #offset: number | null = null

  constructor(path: string, onEvent: (event: TrainingEvent) => void) {
    this.#path = path
    this.#onEvent = onEvent
    this.#linesBefore = wholeLines(readFileIfPresent(path) ?? Buffer.alloc(0))
  }

  /** Reads the new lines. */
  poll(): void {
    for (const line of this.#offset === null ? this.#findStart() : this.#readOn(this.#offset)) this.#handle(line)
  }

  #findStart(): string[] {
    const bytes = readFileIfPresent(this.#path)
    if (bytes === null) return []
    const lines = wholeLines(bytes)
    let same = 0
    while (same < lines.length && lines[same] === this.#linesBefore[same]) same++
    // The last start: where a spoilt line was removed, earlier starts look new too.
    const started = lines.slice(same).findLastIndex((line) => parseEvent(line)?.event === 'start')
    if (started < 0) return []
    this.#offset = bytes.lastIndexOf(0x0a) + 1
    this.metrics.lastStep = lastStepOf(lines.slice(0, same + started))
    return lines.slice(same + started)
  }

  #readOn(from: number): string[] {
    const bytes = readFrom(this.#path, from)
    this.#offset = from + bytes.lastIndexOf(0x0a) + 1
    return wholeLines(bytes)
  }

  #handle(line: string): void {
    const event = parseEvent(line)
    if (event === null) {
      this.metrics.badLines++
      return
    }
    if (event.event === 'start') this.metrics.start = event
    if (event.event === 'end') this.metrics.end = event
    if (event.event === 'step') this.metrics.lastStep = event
    this.#onEvent(event)
  }
}

function lastStepOf(lines: readonly string[]): StepEvent | null {
  for (const line of [...lines].reverse()) {
    const event = parseEvent(line)
    if (event?.event === 'step') return event
  }
  return null
}

function parseEvent(line: string): TrainingEvent | null {
  try {
    return trainingEventSchema.safeParse(JSON.parse(line)).data ?? null
  } catch {
    return null
  }
}

/** Without the text after the last line end, which is still being written. */
function wholeLines(bytes: Buffer): string[] {
  const lines = bytes.toString('utf8', 0, bytes.lastIndexOf(0x0a) + 1).split('\n')
  return lines.slice(0, -1)
}

const maxReadBytes = 1 << 24

function readFrom(path: string, from: number): Buffer {
  const file = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(Math.min(maxReadBytes, Math.max(0, fstatSync(file).size - from)))
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, from))
  } finally {
    closeSync(file)
  }
}
