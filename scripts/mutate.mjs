// Plants small faults, one at a time, and says which of them the tests see: `npm run mutate -- --room packing --count 10`.
//   --room NAME   a room of src, `src` for all of them, or `native` (default src)
//   --count N     how many mutants that compile (default 10)
//   --seed N      which ones (default 1)
//   --all         also run tests that do not lead to the mutated file
//   --json FILE   where to write the outcome (default build/mutants-ROOM-SEED.json)
// A mutant is planted in a copy of the project. It is tried by the tests of its room first, then by all that lead to it.
import { mkdirSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { dirname, join } from 'node:path'
import { parseArgs } from 'node:util'
import { makeScratch } from './mutation/scratch.mjs'
import { createTrials } from './mutation/trial.mjs'
import { root, setup } from './setup.mjs'

const { values } = parseArgs({
  options: {
    room: { type: 'string', default: 'src' },
    count: { type: 'string', default: '10' },
    seed: { type: 'string', default: '1' },
    all: { type: 'boolean', default: false },
    json: { type: 'string' },
  },
})
const { room, seed } = values
const count = Number(values.count)
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.on(signal, () => process.exit(128 + constants.signals[signal]))

const oneLine = (text) => text.replace(/\s+/g, ' ').slice(0, 60)

function describe({ file, line, operator, before, replacement, killer, seconds }) {
  const outcome = killer === null ? 'LIVED' : 'killed'
  const by = killer === null ? '' : `\n       by ${killer.unit}: ${killer.test}`
  const change = `${operator}: ${oneLine(before)} -> ${oneLine(replacement) || '(nothing)'}`
  return `${outcome} ${file}:${line}  ${change}  (${seconds.toFixed(1)} s)${by}`
}

setup()
const { scriptRooms, openScriptRoom } = await import('./mutation/script-room.mjs')
const { openNativeRoom } = await import('./mutation/native-room.mjs')
const rooms = [...scriptRooms(), 'src', 'native']
if (!rooms.includes(room) || !(count > 0)) {
  console.error(`--room is one of ${rooms.join(', ')}; --count is a number from 1 on`)
  process.exit(2)
}
const { seededRandom } = await import('../dist/src/core/index.js')

const started = Date.now()
const scratch = makeScratch()
const opened = room === 'native' ? await openNativeRoom(scratch) : await openScriptRoom(scratch, room, values.all)
const { findKiller, broken } = createTrials(opened)
const tried = []
const rejected = {}
for (const mutant of seededRandom('mutants', room, seed).shuffled(opened.mutants)) {
  if (tried.length === count) break
  const since = Date.now()
  const reason = opened.plant(mutant)
  if (reason !== null) {
    opened.remove(mutant)
    rejected[reason] = (rejected[reason] ?? 0) + 1
    continue
  }
  const killer = await findKiller(mutant, opened.unitsFor(mutant))
  const { file, line, operator, before, replacement } = mutant
  tried.push({ file, line, operator, before, replacement, killer, seconds: (Date.now() - since) / 1000 })
  console.log(describe(tried.at(-1)))
}

const lived = tried.filter(({ killer }) => killer === null).length
const others = Object.entries(rejected).map(([reason, number]) => `${number} drawn that ${reason}`)
const seconds = (Date.now() - started) / 1000
const json = values.json ?? join(root, 'build', `mutants-${room}-${seed}.json`)
mkdirSync(dirname(json), { recursive: true })
writeFileSync(json, JSON.stringify({ room, seed, tried, lived, rejected, broken: [...broken], seconds }, null, 2))
if (broken.size > 0) console.log(`not asked, as they fail without a mutant too: ${[...broken].join(', ')}`)
console.log([`${tried.length - lived} killed, ${lived} lived`, ...others, `${seconds.toFixed(0)} s`, json].join('; '))
