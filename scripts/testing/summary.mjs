// What a test run prints: a line per unit, and at the end what was skipped, what took longest and what failed.

const maxListed = 10
const maxShownChars = 100_000

/** The output of a failed unit; of one that printed without end, its beginning and its end. */
function shown(output) {
  const text = output.trimEnd()
  if (text.length <= 2 * maxShownChars) return text
  const leftOut = text.length - 2 * maxShownChars
  return `${text.slice(0, maxShownChars)}\n... ${leftOut} characters left out ...\n${text.slice(-maxShownChars)}`
}

/** The line of a unit, and what there is to know besides: all its output where it failed. */
export function describeUnit({ name, passed, failed, skipped, reason, output, leftBehind }) {
  const state = failed > 0 ? 'FAILED' : 'ok'
  const lines = [`${state.padEnd(7)}${name}  ${passed} passed${skipped > 0 ? `, ${skipped} skipped` : ''}`]
  if (failed > 0) lines.push(shown(output))
  if (reason !== null) lines.push(`       ${reason}`)
  for (const command of leftBehind) lines.push(`       it left a process behind, which was ended: ${command}`)
  return lines.join('\n')
}

/** Why tests were skipped: a test says `skipped: NAME: REASON`, or `skipped: REASON` where it has no name. */
function reasonsOf({ name, skipped, output }) {
  const reasons = [...output.matchAll(/^skipped: (?:.*?: )?(.*)$/gm)].map(([, reason]) => reason)
  while (reasons.length < skipped) reasons.push(`${name} gives no reason`)
  return reasons
}

/** A line per reason to skip, with the number of cases, the most frequent first. */
function describeSkips(results) {
  const counts = new Map()
  for (const reason of results.flatMap(reasonsOf)) counts.set(reason, (counts.get(reason) ?? 0) + 1)
  return [...counts]
    .sort(([, a], [, b]) => b - a)
    .map(([reason, count]) => `skipped: ${count} ${count === 1 ? 'case' : 'cases'}: ${reason}`)
}

function describeSlowest(results) {
  const slowest = [...results].sort((a, b) => b.seconds - a.seconds).slice(0, maxListed)
  const line = ({ name, seconds, cpuSeconds }) =>
    `${seconds.toFixed(1).padStart(7)} s${cpuSeconds.toFixed(1).padStart(8)} s of CPU  ${name}`
  return ['slowest:', ...slowest.map(line)]
}

/** The end of a run: the last line is always `N passed, N failed`. */
export function describeRun(results) {
  const sum = (key) => results.reduce((total, result) => total + result[key], 0)
  return [
    ...describeSkips(results),
    ...(results.length > 1 ? describeSlowest(results) : []),
    ...results.filter(({ failed }) => failed > 0).map(({ name, failed }) => `FAILED ${name}: ${failed}`),
    `${sum('passed')} passed, ${sum('failed')} failed`,
  ].join('\n')
}
