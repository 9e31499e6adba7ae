import type { RunStore } from '../../../core/index.js'
import { languages } from '../../../grounding/index.js'
import { snapshotSchema, trajectorySchema, type ImportCounts, type Trajectory } from '../../../records/index.js'
import type { ReportLanguage, ReportWriting } from '../../../report/index.js'
import type { LedgerSummary } from '../ledger.js'

/** The files and imports of each language over these repositories; one record is in memory at a time. */
export function languageFacts(store: RunStore, ids: readonly string[]): ReportLanguage[] {
  const facts = new Map<string, { files: number; parsed: number; importCounts: ImportCounts }>()
  const of = (language: string): NonNullable<ReturnType<typeof facts.get>> => {
    const known = facts.get(language) ?? { files: 0, parsed: 0, importCounts: { file: 0, external: 0, unresolved: 0 } }
    facts.set(language, known)
    return known
  }
  for (const id of ids) {
    const { files, importCountsByLanguage } = store.read('snapshots', id, snapshotSchema)
    for (const { language, outlineFrom } of files) {
      of(language).files++
      if (outlineFrom === 'syntax-tree') of(language).parsed++
    }
    for (const [language, counts] of Object.entries(importCountsByLanguage)) {
      const { importCounts } = of(language)
      for (const kind of ['file', 'external', 'unresolved'] as const) importCounts[kind] += counts[kind]
    }
  }
  return [...new Set([...languages, ...facts.keys()])].flatMap((language) => {
    const known = facts.get(language)
    return known === undefined ? [] : [{ language, ...known }]
  })
}

/** Who wrote the words of these trajectories, and which faults they debug; one record is in memory at a time. */
export function writingFacts(store: RunStore, ids: readonly string[], calls: LedgerSummary): ReportWriting {
  const plans = { askedAgain: 0, added: 0, dropped: 0, moved: 0 }
  const thoughts = { byModel: 0, byNarrator: 0 }
  const faults = new Map<string, number>()
  for (const id of ids) {
    const trajectory = store.read('trajectories', id, trajectorySchema)
    const { askedAgain, added, dropped, moved } = trajectory.plan.repairs
    plans.askedAgain += askedAgain
    plans.added += added.length
    plans.dropped += dropped.length
    plans.moved += moved.length
    countThoughts(trajectory, thoughts)
    for (const { debugging } of trajectory.episodes) {
      if (debugging === undefined) continue
      const name = debugging.kind === 'attempt' ? 'attempt' : debugging.fault
      faults.set(name, (faults.get(name) ?? 0) + 1)
    }
  }
  const debugging = [...faults].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
  return { ...calls, plans, thoughts, debugging: debugging.map(([fault, episodes]) => ({ fault, episodes })) }
}

function countThoughts({ episodes }: Trajectory, counts: ReportWriting['thoughts']): void {
  for (const { thought } of episodes.flatMap((episode) => episode.steps)) {
    if (thought === null) continue
    if (thought.call === undefined) counts.byNarrator++
    else counts.byModel++
  }
}
