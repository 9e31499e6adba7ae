import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../../../suite.js'
import * as assert from 'uvu/assert'
import { RunStore, seededRandom, sha256Hex, silentProgress } from '../../../../src/core/index.js'
import { duplicatesSchema, groundingOptionsSchema, type GroundingOptions } from '../../../../src/grounding/index.js'
import type { Run } from '../../../../src/pipeline/run/run-folder.js'
import { groundedIds, rejectsOf } from '../../../../src/pipeline/run/run-records.js'
import { groundAll } from '../../../../src/pipeline/run/stages/ground.js'
import { writeRepository } from '../../../support.js'

const test = suite('ground stage')
const scratch = mkdtempSync(join(tmpdir(), 'retrace-ground-stage-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))

function code(seed: string, lines = 60): string {
  const random = seededRandom('ground-stage', seed)
  const word = (): string => `name_${random.below(800)}`
  return Array.from({ length: lines }, () => `${word()} = ${word()} + ${word()}`).join('\n') + '\n'
}

interface Started {
  store: RunStore
  notes: string[]
}

async function start(
  name: string,
  inputs: readonly string[],
  options: Partial<Record<keyof GroundingOptions, unknown>> = {},
  { threads = 2, signal }: { threads?: number; signal?: AbortSignal } = {},
): Promise<Started> {
  const store = new RunStore(join(scratch, name))
  const notes: string[] = []
  const progress = { ...silentProgress, note: (line: string) => void notes.push(line) }
  const config = { workers: { grounding: threads }, grounding: groundingOptionsSchema.parse(options) }
  const run = { store, record: { inputs }, config, context: { progress, signal } }
  await groundAll(run as unknown as Run)
  return { store, notes }
}

/** Every file of a run but the note of its times, by digest. */
function contentOf({ folder }: RunStore): Record<string, string> {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  const paths = files.map((entry) => join(entry.parentPath, entry.name).slice(folder.length + 1)).sort()
  return Object.fromEntries(
    paths.filter((path) => path !== 'timings.jsonl').map((path) => [path, sha256Hex(readFileSync(join(folder, path)))]),
  )
}

const shared = code('shared', 200)
const inputs = [
  writeRepository({ 'package.json': '{"name": "first"}', 'src/a.py': shared, 'src/b.py': code('b') }),
  writeRepository({
    'package.json': '{"name": "second", "license": "MIT"}',
    'x.py': shared.replaceAll('name_7 ', 'name_x '),
    'y.py': code('y', 300),
  }),
  // Nothing but what the first has.
  writeRepository({ 'package.json': '{"name": "third"}', 'lib/a.py': shared + 'last = 1\n' }),
  writeRepository({ 'package.json': '{"name": "fourth"}', 'z.py': code('z') }),
  join(scratch, 'is-not-there'),
]

test('near-duplicate files are recorded, and a repository of little else is left out with whose it is', async () => {
  const { store, notes } = await start('whole', inputs)
  assert.equal(
    groundedIds(store).map((id) => id.replace(/-[0-9a-f]{8}$/, '')),
    ['first', 'fourth', 'second'],
  )
  assert.equal(store.finished('duplicates').length, 1)
  const [id = ''] = store.finished('duplicates')
  const { files, share } = store.read('duplicates', id, duplicatesSchema)
  assert.match(id, /^second-/)
  assert.equal(
    files.map(({ path, of }) => [path, of.path]),
    [['x.py', 'src/a.py']],
  )
  assert.match(files[0]?.of.repository ?? '', /^first-/)
  assert.ok(share > 0.3 && share < 0.5, String(share))
  const rejects = new Map(rejectsOf(store).map((reject) => [reject.id, reject]))
  const reject = rejects.get('input-000002')
  assert.is(reject?.reason, 'NEAR_DUPLICATE')
  assert.match(reject?.message ?? '', /100 % of its source bytes .*1 of first-.*over the bound of 80 %/)
  assert.is(rejects.get('input-000004')?.reason, 'INPUT_NOT_FOUND')
  assert.is(notes.length, 2)
  // What was left out left nothing behind.
  assert.not(
    existsSync(store.path('blobs', sha256Hex(shared + 'last = 1\n').slice(0, 2), sha256Hex(shared + 'last = 1\n'))),
  )
})

test('the number of threads changes nothing', async () => {
  const one = await start('one-thread', inputs, {}, { threads: 1 })
  assert.equal(contentOf(one.store), contentOf(new RunStore(join(scratch, 'whole'))))
})

test('a run that goes on decides as one that was never stopped', async () => {
  // The first start saw only some of the inputs as finished: their records are all that the second one has.
  const { store } = await start('stopped', inputs)
  for (const unit of ['000001', '000003']) {
    const { snapshot } = JSON.parse(readFileSync(store.path('inputs', `${unit}.json`), 'utf8')) as { snapshot: string }
    store.remove('inputs', unit)
    for (const stage of ['snapshots', 'signatures', 'duplicates']) store.remove(stage, snapshot)
  }
  await start('stopped', inputs)
  assert.equal(contentOf(store), contentOf(new RunStore(join(scratch, 'whole'))))
})

test('a stop leaves whole records, and the same start again ends in the same', async () => {
  const stop = new AbortController()
  setTimeout(() => stop.abort(), 30)
  try {
    await start('aborted', inputs, {}, { signal: stop.signal })
  } catch (error) {
    assert.ok(stop.signal.aborted, String(error))
  }
  const { store } = await start('aborted', inputs)
  assert.equal(contentOf(store), contentOf(new RunStore(join(scratch, 'whole'))))
})

test('without the look for near-duplicates all are kept and nothing of it is written', async () => {
  const { store } = await start('no-duplicates', inputs, { duplicates: false })
  assert.is(groundedIds(store).length, 4)
  assert.not(existsSync(store.path('signatures')))
  assert.not(existsSync(store.path('duplicates')))
})

test('a licence that is not allowed leaves nothing but the reject, and the same content counts once', async () => {
  const { store } = await start('licences', [...inputs.slice(0, 2), inputs[1] as string], {
    licences: { allow: ['MIT'] },
  })
  assert.is(groundedIds(store).length, 1)
  const reasons = new Map(rejectsOf(store).map(({ id, reason }) => [id, reason]))
  assert.is(reasons.get('input-000000'), 'LICENCE_NOT_ALLOWED')
  assert.is(reasons.get('input-000002'), 'INPUT_INVALID')
  assert.equal(store.finished('snapshots').length, 1)
  const digest = sha256Hex(readFileSync(join(inputs[0] as string, 'src/b.py')))
  assert.not(existsSync(store.path('blobs', digest.slice(0, 2), digest)))
})

test('a content that was changed on disk is found when it is read', async () => {
  const { store } = await start('read', inputs.slice(0, 1))
  const digest = sha256Hex(shared)
  assert.is(Buffer.from(store.blobs.get(digest)).toString(), shared)
  assert.equal(
    readdirSync(store.path('blobs'), { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.tmp')),
    [],
  )
})

test.run()
