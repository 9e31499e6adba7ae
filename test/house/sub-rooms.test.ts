import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { writeRepository } from '../support.js'
import { importsBelow, type Import } from './imports.js'

/**
 * The rooms that have sub-rooms, and these in their order: a sub-room imports only itself and those named before it.
 * A file at the top of the room may import every sub-room; a sub-room imports of the top only what `sharedFiles` names.
 */
const order: Record<string, string[]> = {
  grounding: [
    'order',
    'syntax',
    'outline',
    'manifests',
    'languages',
    'licence',
    'selection',
    'input',
    'duplicates',
    'parsing',
  ],
  pipeline: ['preflight', 'run', 'interchange', 'evaluation', 'ablation'],
}
const sharedFiles = ['options.ts', 'errors.ts', 'counted.ts']

/** What one import of a file in this room does wrong, or null. */
function judge(subRooms: string[], from: string[], to: string[]): string | null {
  const [source, target] = [from[1]!, to[1]!]
  if (from.length === 2) return null
  if (!subRooms.includes(source)) return `sub-room ${source} is not in the table`
  if (to.length === 2) return sharedFiles.includes(target) ? null : `a sub-room imports the top of ${from[0]}`
  if (!subRooms.includes(target)) return `sub-room ${target} is not in the table`
  return subRooms.indexOf(target) <= subRooms.indexOf(source) ? null : `${source} may not import ${target}`
}

/** What the imports of the rooms in a table do wrong, and how many imports between files of one room were seen. */
function walk(imports: Import[], table: Record<string, string[]>): { seen: number; offences: string[] } {
  const paths = imports.map(({ from, to }) => ({ from: from.split('/'), to: to.split('/') }))
  const inside = paths.filter(({ from, to }) => from.length > 1 && from[0] === to[0] && from[0]! in table)
  const offences = inside.flatMap(({ from, to }) => {
    const offence = judge(table[from[0]!]!, from, to)
    return offence === null ? [] : [`${from.join('/')} -> ${to.join('/')}: ${offence}`]
  })
  return { seen: inside.length, offences }
}

const test = suite('sub-rooms')
const src = join(process.env.RETRACE_ROOT ?? process.cwd(), 'src')

test('a sub-room imports only those named before it', () => {
  const { seen, offences } = walk(importsBelow(src), order)
  assert.ok(seen > 100, `the walk saw only ${seen} imports`)
  assert.equal(offences, [])
})

test('the table names every folder of its rooms', () => {
  for (const [room, subRooms] of Object.entries(order)) {
    const folders = readdirSync(join(src, room), { withFileTypes: true }).filter((entry) => entry.isDirectory())
    assert.equal(folders.map(({ name }) => name).sort(), [...subRooms].sort(), room)
  }
})

test('an offence of each kind is found', () => {
  const folder = writeRepository({
    'house/index.ts': "export { cook } from './kitchen/cook.js'\nexport { plant } from './garden/plant.js'\n",
    'house/options.ts': "import { bowl } from './kitchen/pots/bowl.js'\n",
    'house/kitchen/cook.ts': "import { bowl } from './pots/bowl.js'\nimport type { Plant } from '../garden/plant.js'\n",
    'house/kitchen/pots/bowl.ts': "import { size } from '../../options.js'\nimport { house } from '../../house.js'\n",
    'house/garden/plant.ts': "import { cook } from '../kitchen/cook.js'\nimport { HouseError } from '../errors.js'\n",
    'house/garden/grow.ts': "import './plant.js'\nconst rats = await import('../cellar/rats.js')\n",
    'house/cellar/rats.ts': "import { plant } from '../garden/plant.js'\n",
    'street/a.ts': "import { house } from '../house/index.js'\nimport { b } from './b/b.js'\n",
  })
  const { seen, offences } = walk(importsBelow(folder), { house: ['kitchen', 'garden'] })
  assert.is(seen, 12)
  assert.equal(offences, [
    'house/cellar/rats.ts -> house/garden/plant.ts: sub-room cellar is not in the table',
    'house/garden/grow.ts -> house/cellar/rats.ts: sub-room cellar is not in the table',
    'house/kitchen/cook.ts -> house/garden/plant.ts: kitchen may not import garden',
    'house/kitchen/pots/bowl.ts -> house/house.ts: a sub-room imports the top of house',
  ])
})

test.run()
