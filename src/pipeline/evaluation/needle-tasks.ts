import { seededRandom, type Random } from '../../core/index.js'
import { codeFileSegments } from '../../packing/index.js'
import type { ChoiceTask } from '../../records/index.js'
import { Haystack, type HaystackPiece } from './haystack.js'
import { openingToken, type TaskSource } from './tasks.js'

interface NeedleOptions {
  /** Tokens; powers of two from the first to the model's context, by default. */
  lengths?: readonly number[]
  depths?: readonly number[]
  /** Tasks for each length and depth. */
  tasksPerCell?: number
}

/** Needles in one task: one is asked for, the others distract from it. */
const needles = 4
const maxTries = 1000
const firstLength = 512
const defaultDepths = [0, 0.25, 0.5, 0.75, 1]
const defaultNeedleTasksPerCell = 4

const names = [
  ...['Kestrel', 'Heron', 'Osprey', 'Plover', 'Curlew', 'Dunlin', 'Merlin', 'Bittern', 'Godwit', 'Siskin'],
  ...['Lapwing', 'Redstart', 'Nuthatch', 'Wryneck', 'Fulmar', 'Gannet', 'Petrel', 'Dipper', 'Hobby', 'Twite'],
]

/**
 * A line of code with a value, in a small file of its own between files of real code, and at the end a file that begins
 * a comparison with it. The right continuation is the value; the wrong choices are values of other names.
 *
 * @param onMissing called with a length of which there are no tasks: the needles leave no room for code in it, or there is
 * too little code to fill it
 */
export function* needleTasks(
  source: TaskSource,
  options: NeedleOptions = {},
  onMissing: (length: number) => void = () => {},
): Generator<ChoiceTask> {
  const haystack = new Haystack(source)
  for (const length of options.lengths ?? lengthsUpTo(source.contextLength)) {
    const tasks = tasksOfLength(source, haystack, length, options)
    if (tasks === null) onMissing(length)
    else yield* tasks
  }
}

function tasksOfLength(
  source: TaskSource,
  haystack: Haystack,
  length: number,
  options: NeedleOptions,
): ChoiceTask[] | null {
  const tasks: ChoiceTask[] = []
  for (const depth of options.depths ?? defaultDepths) {
    for (let index = 0; index < (options.tasksPerCell ?? defaultNeedleTasksPerCell); index++) {
      const task = makeTask(source, haystack, length, depth, index)
      if (task === null) return null
      tasks.push(task)
    }
  }
  return tasks
}

function lengthsUpTo(contextLength: number): number[] {
  const lengths: number[] = []
  for (let length = firstLength; length <= contextLength; length *= 2) lengths.push(length)
  return lengths
}

interface Needle {
  name: string
  value: string
  valueIds: number[]
  piece: HaystackPiece
}

function makeTask(
  source: TaskSource,
  haystack: Haystack,
  length: number,
  depth: number,
  index: number,
): ChoiceTask | null {
  const { tokenizer, seed } = source
  const random = seededRandom('needle', seed, length, depth, index)
  const made = makeNeedles(source, random)
  if (made === null) return null
  const asked = made[0] as Needle
  const question = questionFor(source, asked.name)
  const opening = [tokenizer.special(openingToken)]
  const fixed = [opening, ...made.map(({ piece }) => piece.ids), question.ids, asked.valueIds]
  const room = length - fixed.reduce((sum, ids) => sum + ids.length, 0)
  if (room < length / 4) return null
  const pieces = haystack.fill(room, length, depth, index)
  if (pieces === null) return null
  // The code may hold a name or a value by chance; it would be a second needle.
  const clean = pieces.filter(
    ({ text }) => !made.some(({ name, value }) => text.includes(name) || text.includes(value)),
  )
  // The needle takes each place among the four in turn, wherever in the code it lies: were it always the last value of a
  // context, a model that takes the last value would find it.
  const rank = (seededRandom('needle-rank', seed, length, depth).below(needles) + index) % needles
  const placed = placeNeedles(clean, made, { depth, rank }, random)
  const choices = random.shuffled(made)
  return {
    kind: 'choice',
    id: `needle-${length}-${depth}-${index}`,
    length,
    depth,
    context: [...opening, ...placed.flatMap(({ ids }) => ids), ...question.ids],
    choices: choices.map(({ valueIds }) => valueIds),
    answer: choices.indexOf(asked),
  }
}

/**
 * Names and values of one task. All values have the same number of tokens, and stand in their files as exactly these
 * tokens; `null` where the tokenizer allows no such values.
 */
function makeNeedles(source: TaskSource, random: Random): Needle[] | null {
  const chosen = random.shuffled(names).slice(0, needles)
  const made: Needle[] = []
  for (let tries = 0; made.length < needles && tries < maxTries; tries++) {
    const needle = makeNeedle(source, chosen[made.length] as string, String(10_000 + random.below(90_000)))
    const isAlike = made.every(
      ({ value, valueIds }) => value !== needle.value && valueIds.length === needle.valueIds.length,
    )
    if (isAlike && holdsRun(needle.piece.ids, needle.valueIds)) made.push(needle)
  }
  return made.length === needles ? made : null
}

function makeNeedle({ tokenizer }: TaskSource, name: string, value: string): Needle {
  const segments = codeFileSegments(`codes/${name.toLowerCase()}.ts`, `export const launchCodeOf${name} = "${value}"\n`)
  const ids = tokenizer.encodeSegments(segments).flatMap((part) => [...part])
  const text = segments.map((segment) => segment.text).join('')
  return { name: `launchCodeOf${name}`, value, valueIds: [...tokenizer.encode(value)], piece: { text, ids } }
}

/** The last file of the context, which ends where the value begins. */
function questionFor({ tokenizer }: TaskSource, name: string): HaystackPiece {
  const [line] = codeFileSegments('checks/launch.ts', '')
  const text = `export const isLaunchCode = (code: string): boolean => code === ${name}\n\n// The same code once more.\nconst ${name} = "`
  const parts = [line?.text ?? '', text]
  return { text: parts.join(''), ids: parts.flatMap((part) => [...tokenizer.encode(part)]) }
}

/** Puts the needle at the border between pieces that is nearest to its depth, and as many others as its rank before it. */
function placeNeedles(
  pieces: readonly HaystackPiece[],
  made: readonly Needle[],
  { depth, rank }: { depth: number; rank: number },
  random: Random,
): HaystackPiece[] {
  const [asked, ...others] = made.map(({ piece }) => piece) as [HaystackPiece, ...HaystackPiece[]]
  const place = borderAt(pieces, depth)
  const atBorder = Array.from({ length: pieces.length + 1 }, (): HaystackPiece[] => [])
  atBorder[place]?.push(asked)
  others.forEach((other, at) => {
    if (at < rank) atBorder[random.below(place + 1)]?.unshift(other)
    else atBorder[place + random.below(pieces.length - place + 1)]?.push(other)
  })
  return atBorder.flatMap((here, border) => [...here, ...pieces.slice(border, border + 1)])
}

function borderAt(pieces: readonly HaystackPiece[], depth: number): number {
  const wanted = depth * pieces.reduce((sum, { ids }) => sum + ids.length, 0)
  let [best, before, distance] = [0, 0, wanted]
  pieces.forEach(({ ids }, at) => {
    before += ids.length
    if (Math.abs(before - wanted) <= distance) [best, distance] = [at + 1, Math.abs(before - wanted)]
  })
  return best
}

function holdsRun(ids: readonly number[], run: readonly number[]): boolean {
  return ids.some((_, at) => run.every((id, offset) => ids[at + offset] === id))
}
