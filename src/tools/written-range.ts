import { lineNumber } from './lines.js'
import type { ReplayWorld } from './tool.js'

/** A part of a written file: bytes `[start, end)`; `startLine` is the 1-based line of `start`. */
interface FileRange {
  path: string
  start: number
  end: number
  startLine: number
}

/** The whole file and the bytes of the range as they are now; fails where the file or the range is not there. */
export function writtenRange(
  { path, start, end, startLine }: FileRange,
  world: ReplayWorld,
): { file: Uint8Array; range: Uint8Array } {
  const file = world.get(path)
  if (file === undefined) return world.fail(`${path} is not written yet`)
  if (start > end || end > file.length) {
    world.fail(`bytes ${start} to ${end} are not in ${path}, which has ${file.length}`)
  }
  if (lineNumber(file, start) !== startLine) world.fail(`byte ${start} is not in line ${startLine}`)
  return { file, range: file.subarray(start, end) }
}
