/**
 * Writes the small model's training text: every unit of a folder as a trajectory in the llama3-chat format, one line of
 * JSON each, with several tellings of each thought (random facts in random order), as the search will come to ask for.
 *
 *     node dist/scripts/small-model/render.js UNITS_FOLDER OUT.jsonl [--whole-files]
 *
 * `--whole-files` writes each file in one action, for the held-out files.
 */
import { closeSync, openSync, readdirSync, writeSync } from 'node:fs'
import { availableParallelism } from 'node:os'
import { join } from 'node:path'
import { memoryBlobStore, seededRandom, type Random } from '../../src/core/index.js'
import { createGenerator, factsFor, tellFacts, type Fact } from '../../src/generation/index.js'
import { createParsePool, groundRepository, type ParsePool } from '../../src/grounding/index.js'
import { createRenderer } from '../../src/packing/index.js'
import type { Segment, Step, Thought, Trajectory } from '../../src/records/index.js'
import { synthesisOptionsSchema, synthesizeTrajectory, thoughtRequestFor } from '../../src/synthesis/index.js'

const tellingsPerStep = 4
const maxThoughtChars = 1_000
const renderer = createRenderer('llama3-chat')

async function main([folder, out, flag]: string[]): Promise<void> {
  if (folder === undefined || out === undefined)
    throw new Error('usage: render.js UNITS_FOLDER OUT.jsonl [--whole-files]')
  const pool = createParsePool(availableParallelism())
  const file = openSync(out, 'w')
  let count = 0
  for (const unit of unitsOf(folder)) {
    try {
      writeSync(file, `${JSON.stringify(await documentOf(unit, pool, flag === '--whole-files'))}\n`)
      count++
    } catch (error) {
      console.error(`render: ${unit} left out: ${String(error)}`)
    }
  }
  closeSync(file)
  await pool.dispose()
  console.log(`${count} documents in ${out}`)
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
  })
  const generator = createGenerator({ kind: 'narrator' })
  const trajectory = await synthesizeTrajectory(snapshot, generator, options, blobs)

  const decoder = new TextDecoder()
  const read = (span: { blob: string; start: number; end: number }): string =>
    decoder.decode(blobs.get(span.blob).subarray(span.start, span.end))
  const steps = trajectory.episodes.flatMap((episode, episodeIndex) =>
    episode.steps.map((step, stepIndex) => {
      const request = thoughtRequestFor(snapshot, trajectory, episodeIndex, stepIndex)
      const tellings = tellingsOf(step, () => factsFor(request), random)
      const rendered = renderer.step(step, read)
      const thoughts = tellings.map((thought) => renderer.step({ ...step, thought }, read).thought)
      return { path: episode.path, tool: step.action.tool, ...rendered, thought: undefined, thoughts }
    }),
  )
  return { source: unit.split('/').slice(-3)[0], header: headerOf(trajectory), steps, end: renderer.end() }
}

function headerOf(trajectory: Trajectory): Segment[] {
  return renderer.header(trajectory)
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
  while (ordered.length > 1 && tellFacts(ordered).text.length > maxThoughtChars) ordered.pop()
  return tellFacts(ordered)
}

await main(process.argv.slice(2))
