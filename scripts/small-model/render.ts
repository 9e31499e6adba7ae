/**
 * Writes the small model's texts: every unit of corpus.py's folders as a trajectory in the llama3-chat format, one line
 * of JSON each, with several tellings of each thought (random facts in random order), as the search will come to ask for.
 *
 *     node dist/scripts/small-model/render.js [WORK]     WORK/<folder> to WORK/<folder>.jsonl
 */
import { closeSync, openSync, readdirSync, writeSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { memoryBlobStore, seededRandom, type Random } from '../../src/core/index.js'
import { createNarrator, factsFor, thoughtOfFacts, type Fact } from '../../src/generation/index.js'
import { createParsePool, groundRepository, type ParsePool } from '../../src/grounding/index.js'
import type { Step, Thought } from '../../src/records/index.js'
import { createRenderer } from '../../src/rendering/index.js'
import { synthesisOptionsSchema, synthesizeTrajectory, thoughtRequestFor } from '../../src/synthesis/index.js'

/** Folders of units; a held-out file is written in one action, so that it is scored whole. */
const folders = [
  { name: 'corpus', wholeFiles: false },
  { name: 'held-out', wholeFiles: true },
  { name: 'held-out-whole', wholeFiles: false },
]
const tellingsPerStep = 4
const maxThoughtChars = 1_000
const renderer = createRenderer('llama3-chat')

async function main([work = '.retrace/small-model']: string[]): Promise<void> {
  const pool = createParsePool(availableParallelism())
  for (const { name, wholeFiles } of folders) {
    const file = openSync(join(work, `${name}.jsonl`), 'w')
    let count = 0
    for (const unit of unitsOf(join(work, name))) {
      try {
        writeSync(file, `${JSON.stringify(await documentOf(unit, pool, wholeFiles))}\n`)
        count++
      } catch (error) {
        console.error(`${unit} left out: ${String(error)}`)
      }
    }
    closeSync(file)
    console.log(`${count} documents in ${name}.jsonl`)
  }
  await pool.dispose()
}

/** `<package>/<number>/<name>` below the folder. */
function unitsOf(folder: string): string[] {
  const below = (path: string): string[] =>
    readdirSync(path)
      .sort()
      .map((name) => join(path, name))
  return below(folder).flatMap(below).flatMap(below)
}

async function documentOf(unit: string, pool: ParsePool, wholeFiles: boolean): Promise<object> {
  const random = seededRandom('render', unit.split('/').slice(-3).join('/'))
  const blobs = memoryBlobStore()
  const snapshot = await groundRepository(unit, {}, blobs, { pool })
  const options = synthesisOptionsSchema.parse({
    maxActionBytes: wholeFiles ? 100_000 : 1_500 + random.below(3_500),
    maxReadBytes: 600 + random.below(900),
    maxReadsPerFile: 3,
    debugging: { share: 0 },
  })
  const generator = createNarrator()
  const trajectory = await synthesizeTrajectory(snapshot, generator, options, blobs)

  const decoder = new TextDecoder()
  const read = (span: { blob: string; start: number; end: number }): string =>
    decoder.decode(blobs.get(span.blob).subarray(span.start, span.end))
  const steps = trajectory.episodes.flatMap((episode, episodeIndex) =>
    episode.steps.map((step, stepIndex) => {
      const request = thoughtRequestFor(snapshot, trajectory, episodeIndex, stepIndex, read, false)
      const tellings = tellingsOf(step, () => factsFor(request), random)
      const rendered = renderer.step(step, read)
      const thoughts = tellings.map((thought) => renderer.step({ ...step, thought }, read).thought)
      return { path: episode.path, tool: step.action.tool, ...rendered, thought: undefined, thoughts }
    }),
  )
  return { source: unit.split('/').slice(-3)[0], header: renderer.header(trajectory), steps, end: renderer.end() }
}

/** The thought as written, then others; only the first for a Read, none for a step without a thought. */
function tellingsOf(step: Step, facts: () => Fact[], random: Random): Thought[] {
  if (step.thought === null) return []
  if (step.action.tool === 'Read') return [step.thought]
  const all = facts()
  return [step.thought, ...Array.from({ length: tellingsPerStep - 1 }, () => anotherTelling(all, random))]
}

/** The goal, most of what is said unasked, and mostly few of the other facts; in a quarter of the tellings shuffled. */
function anotherTelling(all: readonly Fact[], random: Random): Thought {
  const more = all.filter((fact) => fact.role === 'more')
  const added = new Set(random.shuffled(more).slice(0, Math.min(random.below(9), random.below(9))))
  const kept = all.filter((fact) =>
    fact.role === 'first' ? random.below(5) > 0 : fact.role === 'goal' || added.has(fact),
  )
  const [goal, ...rest] = kept
  const ordered = [...(goal === undefined ? [] : [goal]), ...(random.below(4) === 0 ? random.shuffled(rest) : rest)]
  while (ordered.length > 1 && thoughtOfFacts(ordered).text.length > maxThoughtChars) ordered.pop()
  return thoughtOfFacts(ordered)
}

await main(process.argv.slice(2))
