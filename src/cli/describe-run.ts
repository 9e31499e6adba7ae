import { relative } from 'node:path'
import type { RunSummary } from '../pipeline/index.js'
import { counted } from './counted.js'
import { table } from './table.js'

/** A run's outcome in a page of plain text: what went in, what the search did, what was packed, where it is. */
export function describeRunSummary(summary: RunSummary): string {
  const lines = summary.nothingToDo ? ['Nothing was left to do: the run is complete.', ''] : []
  lines.push(
    ...describeRepositories(summary),
    ...describeCalls(summary),
    ...describeSearch(summary),
    ...describeShards(summary),
  )
  lines.push(`Shards  ${shortPath(summary.folder)}/shards`, `Report  ${shortPath(summary.report)}`, '')
  return lines.join('\n')
}

function describeCalls({ calls: { used, paid, failures }, unfinished }: RunSummary): string[] {
  const tokens = ({ promptTokens, completionTokens }: typeof used): number => promptTokens + completionTokens
  const failed = Object.entries(failures).map(([kind, count]) => `${count} x ${kind}`)
  const lines: string[] = []
  if (used.calls > 0) {
    const retries = failed.length === 0 ? 'nothing had to be tried again' : `tried again: ${failed.join(', ')}`
    lines.push(
      `${counted(used.calls, 'calls')} of a language model, ${counted(tokens(used), 'tokens')}; ` +
        `${paid.calls} paid here, ${counted(tokens(paid), 'tokens')}; ${retries}`,
    )
  }
  if (unfinished.length > 0) {
    lines.push(
      `unfinished, as the budget was spent: ${unfinished.map(({ id }) => id).join(', ')}. Run the same command again with a larger one.`,
    )
  }
  return lines.length === 0 ? [] : [...lines, '']
}

function describeRepositories({ repositories, rejects }: RunSummary): string[] {
  const rows = repositories.map(({ name, files, rawTokens, reconstructedTokens }) => {
    const factor = (reconstructedTokens / Math.max(rawTokens, 1)).toFixed(2)
    return [name, `${files}`, `${rawTokens}`, `${reconstructedTokens}`, `${factor} x`]
  })
  const left = rejects.map(({ id, reason, message }) => `left out: ${id} (${reason}) ${message}`)
  return [...table(['repository', 'files', 'raw tokens', 'reconstructed', 'factor'], rows), ...left, '']
}

function describeSearch({ search }: RunSummary): string[] {
  if (search.curve.length === 0) {
    const why = search.tooLong > 0 ? `: ${tooLong(search)}` : ''
    return [`No thought was searched${why}.`, '']
  }
  const names = { none: 'no thought', other: "another file's thought", first: 'first thought', round: 'after round' }
  const rows = search.curve.map((point) => [
    point.condition === 'round' ? `${names.round} ${point.round}` : names[point.condition],
    `${point.thoughts}`,
    point.perplexity?.toFixed(3) ?? '-',
    point.baselinePerplexity?.toFixed(3) ?? '-',
    point.tokenPerplexity?.toFixed(3) ?? '-',
    point.meanThoughtTokens?.toFixed(1) ?? '-',
  ])
  const share = search.improvedShare === null ? '-' : `${(search.improvedShare * 100).toFixed(1)} %`
  return [
    ...table(
      ['perplexity of the code', 'thoughts', 'mean', 'same code, no thought', 'by token', 'thought tokens'],
      rows,
    ),
    `search improved ${search.improved} of ${counted(search.searched, 'thoughts')} (${share}); ${tooLong(search)}`,
    '',
  ]
}

function tooLong({ tooLong }: RunSummary['search']): string {
  return `${tooLong} ${tooLong === 1 ? 'was' : 'were'} too long for the scorer`
}

function describeShards({ shards: { packing, sequenceLength, shards } }: RunSummary): string[] {
  const fill = (packing.fillRatio * 100).toFixed(1)
  const trained = ((packing.trainedTokens / Math.max(packing.tokens, 1)) * 100).toFixed(1)
  return [
    `packed ${counted(packing.documents, 'documents')} in ${counted(packing.pieces, 'pieces')}: ` +
      `${counted(packing.rows, 'rows')} of up to ${sequenceLength} tokens, ${fill} % full, ` +
      `${counted(packing.tokens, 'tokens')}, ${trained} % trained, ${counted(shards.length, 'shard files')}, ${describeDropped(packing)}`,
    '',
  ]
}

function describeDropped({ dropped, piecesWithoutHeader }: RunSummary['shards']['packing']): string {
  const total = dropped.reduce((sum, { tokens }) => sum + tokens, 0)
  const steps =
    dropped.length === 0
      ? 'nothing dropped'
      : `${dropped.length} too long for a row dropped (${counted(total, 'tokens')})`
  if (piecesWithoutHeader === 0) return steps
  const pieces = counted(piecesWithoutHeader, 'pieces')
  return `${steps}, ${pieces} without the plan at ${piecesWithoutHeader === 1 ? 'its' : 'their'} head`
}

function shortPath(path: string): string {
  const fromHere = relative(process.cwd(), path)
  return fromHere.startsWith('..') ? path : fromHere || '.'
}
