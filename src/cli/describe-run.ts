import { relative } from 'node:path'
import type { RunSummary } from '../pipeline/index.js'

/** A run's outcome in a page of plain text: what went in, what the search did, what was packed, where it is. */
export function describeRunSummary(summary: RunSummary): string {
  const lines = summary.nothingToDo ? ['Nothing was left to do: the run is complete.', ''] : []
  lines.push(
    ...describeRepositories(summary),
    ...describeCalls(summary),
    ...describeSearch(summary),
    ...describeShards(summary),
  )
  lines.push(`Shards  ${shown(summary.folder)}/shards`, `Report  ${shown(summary.report)}`, '')
  return lines.join('\n')
}

function describeCalls({ calls: { used, paid, failures }, unfinished }: RunSummary): string[] {
  const tokens = ({ promptTokens, completionTokens }: typeof used): number => promptTokens + completionTokens
  const tried = Object.entries(failures).map(([kind, count]) => `${count} x ${kind}`)
  const lines: string[] = []
  if (used.calls > 0) {
    const retries = tried.length === 0 ? 'nothing had to be tried again' : `tried again: ${tried.join(', ')}`
    lines.push(
      `${used.calls} calls of a language model, ${tokens(used)} tokens; ${paid.calls} paid here, ${tokens(paid)} tokens; ${retries}`,
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
    const why = search.tooLong > 0 ? `: ${search.tooLong} were too long for the scorer` : ''
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
    `search improved ${search.improved} of ${search.searched} thoughts (${share}); ${search.tooLong} were too long for the scorer`,
    '',
  ]
}

function describeShards({ shards: { packing, sequenceLength, shards } }: RunSummary): string[] {
  const fill = (packing.fillRatio * 100).toFixed(1)
  const trained = ((packing.trainedTokens / Math.max(packing.tokens, 1)) * 100).toFixed(1)
  return [
    `packed ${packing.documents} documents in ${packing.pieces} pieces: ${packing.rows} rows of up to ${sequenceLength} tokens, ${fill} % full, ` +
      `${packing.tokens} tokens, ${trained} % trained, ${shards.length} shard files, ${describeDropped(packing)}`,
    '',
  ]
}

function describeDropped({ dropped, piecesWithoutHeader }: RunSummary['shards']['packing']): string {
  const tokens = dropped.reduce((sum, one) => sum + one.tokens, 0)
  const steps =
    dropped.length === 0 ? 'nothing dropped' : `${dropped.length} too long for a row dropped (${tokens} tokens)`
  return piecesWithoutHeader === 0 ? steps : `${steps}, ${piecesWithoutHeader} pieces without the plan at their head`
}

/** Columns as wide as their widest cell; the first on the left, the others on the right. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const widths = head.map((_, column) => Math.max(...[head, ...rows].map((row) => (row[column] ?? '').length)))
  return [head, ...rows].map((row) =>
    row
      .map((cell, column) => (column === 0 ? cell.padEnd(widths[0] ?? 0) : cell.padStart(widths[column] ?? 0)))
      .join('  '),
  )
}

function shown(path: string): string {
  const near = relative(process.cwd(), path)
  return near.startsWith('..') ? path : near || '.'
}
