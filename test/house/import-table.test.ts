import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { writeRepository } from '../support.js'
import { importsBelow } from './imports.js'

/** Who may import whom; the rooms in their order. Types count as imports. */
const allowed: Record<string, string[]> = {
  core: [],
  tools: ['core'],
  records: ['core', 'tools'],
  rendering: ['core', 'tools', 'records'],
  model: ['core'],
  tokenizer: ['core', 'model'],
  generation: ['core', 'tools', 'records'],
  scoring: ['core', 'model', 'tokenizer'],
  grounding: ['core', 'records'],
  synthesis: ['core', 'tools', 'records', 'generation', 'grounding'],
  'cot-search': ['core', 'records', 'rendering', 'tokenizer', 'generation', 'scoring'],
  packing: ['core', 'records', 'rendering', 'tokenizer'],
  interchange: ['core', 'tools', 'records', 'rendering'],
  training: ['core', 'records', 'model'],
  report: ['core', 'records', 'rendering'],
  cli: ['pipeline', 'core'],
}
const stageRooms = Object.keys(allowed).filter((room) => room !== 'cli')
/** The pipeline and the config see every room but the command line. */
allowed['pipeline'] = stageRooms
/** Files at the top of src, and the rooms that may import them. */
const topLevel = ['index.ts', 'config.ts']
const roomsThatSeeTheTop = ['cli', 'pipeline']

interface Walk {
  edges: number
  offences: string[]
}

/** Every import of every file below `src`, held against the table. */
function walkImports(src: string): Walk {
  const walk: Walk = { edges: 0, offences: [] }
  for (const { from, to } of importsBelow(src)) {
    walk.edges++
    const offence = judge(from.split('/'), to.split('/'))
    if (offence !== null) walk.offences.push(`${from} -> ${to}: ${offence}`)
  }
  return walk
}

function judge(from: string[], to: string[]): string | null {
  const fromTop = from.length === 1
  const toTop = to.length === 1
  const room = from[0] as string
  const target = to[0] as string
  if (target === '..') return 'reaches out of src'
  if (fromTop) {
    if (!topLevel.includes(room)) return 'a file at the top of src that the table does not know'
    if (toTop) return null
    if (target === 'cli') return 'nobody imports the command line'
  } else {
    if (!(room in allowed)) return `room ${room} is not in the table`
    if (!toTop && target === room) return null
    if (toTop) return roomsThatSeeTheTop.includes(room) ? null : 'a room imports the top level'
    if (!allowed[room]?.includes(target)) return `${room} may not import ${target}`
  }
  return to.slice(1).join('/') === 'index.ts' ? null : "reaches past another room's index.ts"
}

const test = suite('import table')
const root = process.cwd()

test('every import in src is an edge of the table', () => {
  const { edges, offences } = walkImports(join(root, 'src'))
  assert.equal(offences, [])
  assert.ok(edges > 50, `the walk saw only ${edges} imports`)
})

test('every room has an index.ts, and the table names every room', () => {
  const rooms = readdirSync(join(root, 'src'), { withFileTypes: true }).filter((entry) => entry.isDirectory())
  for (const { name } of rooms) {
    assert.ok(name in allowed, `${name} is not in the table`)
    if (name !== 'cli') assert.ok(existsSync(join(root, 'src', name, 'index.ts')), `${name} has no index.ts`)
  }
})

test('an offence of each kind is found', () => {
  const src = writeRepository({
    'core/a.ts': "import type { B } from '../records/index.js'\n",
    'packing/b.ts': "import { c } from '../core/c.js'\n",
    'report/c.ts': "export { loadRunConfig } from '../config.js'\n",
    'scoring/d.ts': "const x = await import('../packing/index.js')\n",
    'attic/e.ts': "import '../core/index.js'\n",
    'config.ts': "import { main } from './cli/index.js'\n",
    'core/f.ts': "import { g } from './g.js'\n",
  })
  const { offences, edges } = walkImports(src)
  assert.is(edges, 7)
  assert.equal(
    offences.map((line) => line.slice(line.indexOf(': ') + 2)),
    [
      'room attic is not in the table',
      'nobody imports the command line',
      'core may not import records',
      "reaches past another room's index.ts",
      'a room imports the top level',
      'scoring may not import packing',
    ],
  )
})

test.run()
