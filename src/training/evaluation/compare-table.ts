import type { EvaluatedModel, EvaluationReport, SuiteResults } from '../../records/index.js'
import { outsideSuites } from './outside-suites.js'
import { paperColumns, paperFigures } from './paper-figures.js'

interface Row {
  title: string
  value: string
}

const noValue = '–'

/** The results of the models side by side; where outside suites were run, beside the paper's figures too. */
export function compareTable(report: EvaluationReport): string {
  const parts = [offlineTable(report), outsideTable(report), skipLines(report), footNotes(report)]
  return parts.filter((part) => part !== '').join('\n')
}

function offlineTable({ models }: EvaluationReport): string {
  const ofModel = models.map((model) => new Map(offlineRows(model).map(({ title, value }) => [title, value])))
  const titles = [...new Set(ofModel.flatMap((rows) => [...rows.keys()]))]
  if (titles.length === 0) return ''
  const rows = titles.map((title) => [title, ...ofModel.map((values) => values.get(title) ?? noValue)])
  return tableText([['', ...models.map(({ name }) => name)], ...rows])
}

function offlineRows(model: EvaluatedModel): Row[] {
  const results = Object.values(model.suites).flatMap((outcome) => ('results' in outcome ? [outcome.results] : []))
  // Always in this order of suites, whichever ran first.
  return [heldOutRows, needleRows, completionRows].flatMap((rows) => results.flatMap(rows))
}

function heldOutRows({ heldOut = {} }: SuiteResults): Row[] {
  return Object.entries(heldOut).flatMap(([name, { all, domains, positions, tooLong }]) => [
    { title: `${name}: bits per byte`, value: fixed(all.bitsPerByte, 4) },
    { title: `${name}: nats per token`, value: fixed(all.nllPerToken, 4) },
    ...(Object.keys(domains).length < 2
      ? []
      : Object.entries(domains).map(([domain, { bitsPerByte }]) => ({
          title: `  bits per byte, ${domain}`,
          value: fixed(bitsPerByte, 4),
        }))),
    ...positions
      .filter(({ likelihood }) => likelihood.tokens > 0)
      .map(({ from, to, likelihood }) => ({
        title: `  bits per byte, ${name}, tokens ${from} to ${to}`,
        value: fixed(likelihood.bitsPerByte, 4),
      })),
    ...(tooLong.documents === 0
      ? []
      : [{ title: `  ${name}: documents too long to be scored`, value: String(tooLong.documents) }]),
  ])
}

function needleRows({ needle }: SuiteResults): Row[] {
  if (needle === undefined) return []
  const lengths = [...new Set(needle.cells.map(({ length }) => length))].sort((a, b) => a - b)
  return [
    { title: 'needles: found, %', value: percent(needle.accuracy) },
    { title: '  by chance, %', value: percent(needle.chance) },
    ...lengths.map((length) => {
      const cells = needle.cells.filter((cell) => cell.length === length)
      return { title: `  found in ${length} tokens, %`, value: percent(meanOfCells(cells)) }
    }),
  ]
}

function meanOfCells(cells: readonly { tasks: number; accuracy: number | null }[]): number | null {
  const scored = cells.filter(({ accuracy }) => accuracy !== null)
  const tasks = scored.reduce((sum, cell) => sum + cell.tasks, 0)
  return tasks === 0 ? null : scored.reduce((sum, cell) => sum + cell.tasks * (cell.accuracy ?? 0), 0) / tasks
}

function completionRows({ completion }: SuiteResults): Row[] {
  if (completion === undefined) return []
  return [
    { title: 'completion: exact, %', value: percent(completion.exactMatch) },
    { title: 'completion: edit similarity, %', value: percent(completion.editSimilarity) },
  ]
}

/** The paper's figures beside ours, then our further figures. Empty where no outside suite was requested. */
function outsideTable({ models }: EvaluationReport): string {
  const ours = models.map(figuresOf)
  if (!models.some(({ suites }) => Object.keys(suites).some((name) => name in outsideSuites))) return ''
  const known = new Set<string>(paperFigures.map(({ key }) => key))
  const furtherKeys = [...new Set(ours.flatMap(Object.keys))].filter((key) => !known.has(key)).sort()
  const rowOf = (title: string, key: string, paper: readonly (number | null)[]): string[] => [
    title,
    ...ours.map((figures) => fixed(figures[key] ?? null, 2)),
    ...paper.map((value) => fixed(value, 2)),
  ]
  const rows = [
    ...paperFigures.map(({ key, title, values }) => rowOf(title, key, values)),
    ...furtherKeys.map((key) =>
      rowOf(
        key,
        key,
        paperColumns.map(() => null),
      ),
    ),
  ]
  const paperHeads = paperColumns.map((name) => `paper: ${name}`)
  return tableText([['in percent', ...models.map(({ name }) => name), ...paperHeads], ...rows])
}

/** The figures of a model from all of its outside suites. */
function figuresOf({ suites }: EvaluatedModel): Record<string, number> {
  const outcomes = Object.values(suites)
  return Object.fromEntries(
    outcomes.flatMap((outcome) => ('results' in outcome ? Object.entries(outcome.results.figures ?? {}) : [])),
  )
}

function skipLines({ models }: EvaluationReport): string {
  const skips = models.flatMap(({ name, suites }) =>
    Object.entries(suites).flatMap(([suite, outcome]) =>
      'skipped' in outcome
        ? [`${name}, ${suite}: ${outcome.skipped}`, ...outcome.commands.map((line) => `    ${line}`)]
        : [],
    ),
  )
  return skips.length === 0
    ? ''
    : `Skipped (WORK stands for a folder of yours):\n${skips.map((line) => `  ${line}\n`).join('')}`
}

function footNotes({ models, limit }: EvaluationReport): string {
  const notes: string[] = []
  for (const suite of ['needle', 'completion']) {
    const digests = models.flatMap(({ suites }) => {
      const outcome = suites[suite]
      return outcome !== undefined && 'results' in outcome ? [outcome.tasks] : []
    })
    if (new Set(digests).size > 1) {
      notes.push(`${suite}: the models had different tasks, as their tokenizers or context lengths differ.`)
    }
  }
  const contexts = new Set(
    models.flatMap(({ suites: { 'held-out': outcome }, contextLength }) =>
      outcome !== undefined && 'results' in outcome ? [contextLength] : [],
    ),
  )
  if (contexts.size > 1) {
    const lengths = [...contexts].sort((a, b) => a - b).join(' and ')
    notes.push(`code: cut for models of ${lengths} tokens; what follows a cut is scored without what stands before it.`)
  }
  const hasFigures = models.some(({ suites }) =>
    Object.values(suites).some((outcome) => 'results' in outcome && outcome.results.figures !== undefined),
  )
  if (limit !== null && hasFigures) {
    notes.push(`Of each outside task ${limit} examples were taken: no figure to hold against the paper's.`)
  }
  return notes.map((note) => `${note}\n`).join('')
}

function fixed(value: number | null, digits: number): string {
  return value === null ? noValue : value.toFixed(digits)
}

function percent(value: number | null): string {
  return fixed(value === null ? null : value * 100, 1)
}

/** Columns of equal width: the first aligned left, the others right. */
function tableText(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => [...(row[column] ?? '')].length)))
  const pad = (text: string, column: number): string => {
    const space = ' '.repeat((widths[column] ?? 0) - [...text].length)
    return column === 0 ? text + space : space + text
  }
  return rows.map((row) => `${row.map(pad).join('  ').trimEnd()}\n`).join('')
}
