import type { SpanReader, Step, Trajectory } from '../../records/index.js'

/** The plan's list, a line for each file; no line end after the last. */
export function planList(trajectory: Trajectory): string {
  return trajectory.plan.files.map(({ path, purpose }) => `- ${quotedWhereNeeded(path)}: ${purpose}`).join('\n')
}

/**
 * What a step does, in one line with its line end: `Read src/b.ts lines 1-40`, `Write src/a.ts`,
 * `Edit src/a.ts after line 120` (an insertion), `Edit src/a.ts from line 10` (a replacement; the record does not say
 * how many lines it replaces).
 */
export function actionLine({ action, observation }: Step, read: SpanReader): string {
  const subject = `${action.tool} ${quotedWhereNeeded(action.path)}`
  if (action.tool === 'Write') return `${subject}\n`
  if (action.tool === 'Edit') {
    const isInsertion = action.start === action.end
    return isInsertion
      ? `${subject} after line ${action.startLine - 1}\n`
      : `${subject} from line ${action.startLine}\n`
  }
  const lines = countLines(observation === null ? '' : read(observation))
  return lines === 0 ? `${subject}\n` : `${subject} lines ${action.startLine}-${action.startLine + lines - 1}\n`
}

/** A path as it is, or as a JSON string where it could be mistaken for more than a path: file names may hold line ends. */
function quotedWhereNeeded(path: string): string {
  return /\p{Cc}|^["\s]|\s$/u.test(path) ? JSON.stringify(path) : path
}

function countLines(text: string): number {
  const lineEnds = text.split('\n').length - 1
  return text === '' || text.endsWith('\n') ? lineEnds : lineEnds + 1
}
