import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { readFileIfPresent } from '../core/index.js'
import {
  trainingEventSchema,
  type EndEvent,
  type StartEvent,
  type StepEvent,
  type TrainingEvent,
} from '../records/index.js'

/** What `metrics.jsonl` said so far. */
export interface Followed {
  /** Of this start; `null` until it came. */
  start: StartEvent | null
  end: EndEvent | null
  /** The newest step, of this start or of an earlier one. */
  lastStep: StepEvent | null
  /** Lines of this start that are no events. */
  badLines: number
}

/**
 * Reads what the loop appends to `metrics.jsonl` since it was started.
 *
 * On a start the loop replaces the file by its first lines, without the steps that run again, and appends: the start's
 * own lines begin where the file stops being like it was. From then on it only grows.
 */
export class MetricsFollower {
  readonly followed: Followed = { start: null, end: null, lastStep: null, badLines: 0 }
  private readonly before: string[]
  /** Bytes that were read of the file since the start event; `null` before it. */
  private offset: number | null = null

  constructor(
    private readonly path: string,
    private readonly onEvent: (event: TrainingEvent) => void,
  ) {
    this.before = wholeLines(readFileIfPresent(path) ?? Buffer.alloc(0))
  }

  /** Reads what is new. */
  poll(): void {
    for (const line of this.offset === null ? this.findStart() : this.readOn(this.offset)) this.take(line)
  }

  private findStart(): string[] {
    const bytes = readFileIfPresent(this.path)
    if (bytes === null) return []
    const lines = wholeLines(bytes)
    let same = 0
    while (same < lines.length && lines[same] === this.before[same]) same++
    // The last one: a line that was spoilt before, and is gone now, would make earlier starts look new.
    const started = lines.slice(same).findLastIndex((line) => parseEvent(line)?.event === 'start')
    if (started < 0) return []
    this.offset = bytes.lastIndexOf(0x0a) + 1
    this.followed.lastStep = lastStepOf(lines.slice(0, same + started))
    return lines.slice(same + started)
  }

  private readOn(from: number): string[] {
    const bytes = readFrom(this.path, from)
    this.offset = from + bytes.lastIndexOf(0x0a) + 1
    return wholeLines(bytes)
  }

  private take(line: string): void {
    const event = parseEvent(line)
    if (event === null) {
      this.followed.badLines++
      return
    }
    if (event.event === 'start') this.followed.start = event
    if (event.event === 'end') this.followed.end = event
    if (event.event === 'step') this.followed.lastStep = event
    this.onEvent(event)
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

/** Without what stands after the last line end: it is being written. */
function wholeLines(bytes: Buffer): string[] {
  const lines = bytes.toString('utf8', 0, bytes.lastIndexOf(0x0a) + 1).split('\n')
  return lines.slice(0, -1)
}

const mostAtOnce = 1 << 24

function readFrom(path: string, from: number): Buffer {
  const file = openSync(path, 'r')
  try {
    const bytes = Buffer.alloc(Math.min(mostAtOnce, Math.max(0, fstatSync(file).size - from)))
    return bytes.subarray(0, readSync(file, bytes, 0, bytes.length, from))
  } finally {
    closeSync(file)
  }
}
