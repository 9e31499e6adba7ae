import { cpSync, existsSync, mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { parseConfig, RetraceError, silentProgress } from '../../src/core/index.js'
import { runConfigSchema, type RunConfig } from '../../src/config.js'
import { exportRun, importConversations, run, type ExportFormat } from '../../src/pipeline/index.js'
import { digestFolder, runCli, tinyModel } from '../cli/run-cli.js'
import { smallProject, writeRepository } from '../support.js'

const test = suite('export and import')
const scratch = mkdtempSync(join(tmpdir(), 'retrace-exchange-'))
const at = (...names: string[]): string => join(scratch, ...names)
test.after(() => rmSync(scratch, { recursive: true }))

const context = { progress: silentProgress }
const renderers = ['llama3-chat', 'plain'] as const
const files: Record<ExportFormat, string> = {
  'openai-jsonl': 'rows.jsonl',
  'openai-parquet': 'rows.parquet',
  atif: 'documents',
}
const formats = Object.keys(files) as ExportFormat[]

function configOf(renderer: (typeof renderers)[number]): RunConfig {
  const packing = { renderer, sequenceLength: 1024, masks: { observation: true } }
  return parseConfig(runConfigSchema, { search: false, seed: 7, packing }, 'The test config')
}

const write = (folder: string, format: ExportFormat, path: string, force = false): ReturnType<typeof exportRun> =>
  exportRun(folder, format, { path, force }, context)
const pack = (inputs: string[], path: string, force = false): ReturnType<typeof importConversations> =>
  importConversations(inputs, { path, force }, tinyModel, configOf('plain'), context)

async function refused(work: Promise<unknown>, code: string, message: RegExp): Promise<void> {
  const failure = await work.then(
    () => null,
    (error: unknown) => error,
  )
  assert.instance(failure, RetraceError)
  assert.is((failure as RetraceError).code, code)
  assert.match((failure as RetraceError).message, message)
}

test.before(async () => {
  // Two repositories, so that their order counts.
  const small = { 'package.json': '{"name":"small"}\n', 'a.ts': 'export const a = 1\n' }
  for (const renderer of renderers) {
    const folders = [smallProject, small].map(writeRepository)
    await run(folders, at(renderer), tinyModel, configOf(renderer), context)
  }
})

test('a run that was exported and imported again has the very same shards, in every format and renderer', async () => {
  for (const renderer of renderers) {
    for (const format of formats) {
      const out = at(`${renderer}-${files[format]}`)
      await write(at(renderer), format, out)
      const output = { path: `${out}-packed`, force: false }
      const summary = await importConversations([out], output, tinyModel, configOf(renderer), context)
      assert.is(summary.conversations, 2)
      assert.equal(digestFolder(`${out}-packed/shards`), digestFolder(at(renderer, 'shards')))
      assert.equal(readdirSync(`${out}-packed`).sort(), ['import.json', 'shards'])
    }
  }
  const unfinished = readdirSync(scratch).filter((name) => name.includes('.tmp') || name.startsWith('.'))
  assert.equal(unfinished, [])
})

test('what is there is replaced with --force alone, and only where it came of the same command', async () => {
  const source = at('plain')
  for (const format of formats) {
    const out = at(`again-${files[format]}`)
    await write(source, format, out)
    await refused(write(source, format, out), 'CONFIG_INVALID', /is there already/)
    await write(source, format, out, true)
  }
  const mine = at('mine')
  mkdirSync(mine)
  writeFileSync(join(mine, 'notes.json'), '{"mine": true}')
  for (const folder of [mine, source, join(source, 'trajectories')]) {
    await refused(write(source, 'atif', folder, true), 'CONFIG_INVALID', /holds other things/)
  }
  await refused(write(source, 'openai-jsonl', mine, true), 'CONFIG_INVALID', /holds other things/)
  await refused(pack([at('again-rows.jsonl')], mine, true), 'CONFIG_INVALID', /holds other things/)
  await pack([at('again-rows.jsonl')], at('packed'))
  await refused(pack([at('again-rows.jsonl')], at('packed')), 'CONFIG_INVALID', /is there already/)
  await pack([at('again-rows.jsonl')], at('packed'), true)
  assert.equal(readdirSync(mine), ['notes.json'])
})

test('rows of others are packed, and what cannot be is listed with file, line and reason', async () => {
  const user = { role: 'user', content: 'Hi.' }
  const lines = [
    { id: 'fine', messages: [user, { role: 'assistant', content: 'Hello.' }] },
    { id: 'mute', messages: [user] },
    { text: 'prose' },
  ]
  const file = at('foreign.jsonl')
  writeFileSync(file, [...lines.map((line) => JSON.stringify(line)), 'no json', ''].join('\n'))
  const summary = await pack([file], at('foreign'))
  assert.equal(summary.rejects, { 'nothing-to-learn': 1, 'unknown-form': 1, unreadable: 1 })
  assert.equal([summary.rows, summary.conversations], [4, 1])
  const rejects = readFileSync(at('foreign', 'rejects.jsonl'), 'utf8').trim().split('\n')
  const told = rejects.map((line) => JSON.parse(line) as { file: string; line: number; id: string; reason: string })
  assert.equal(
    told.map((one) => [one.file, one.line, one.id, one.reason]),
    [
      [file, 2, 'foreign.jsonl:2', 'nothing-to-learn'],
      [file, 3, 'foreign.jsonl:3', 'unknown-form'],
      [file, 4, 'foreign.jsonl:4', 'unreadable'],
    ],
  )
  assert.equal(JSON.parse(readFileSync(at('foreign', 'import.json'), 'utf8')), summary)
})

test('an input of which nothing can be made leaves nothing behind', async () => {
  const out = at('nothing')
  const given = (name: string, text: string): string => {
    writeFileSync(at(name), text)
    return at(name)
  }
  const bad = given('bad.jsonl', 'no json\nnor this\n')
  await refused(pack([bad], out), 'INPUT_INVALID', /None of 2 rows .* line 1: it is not JSON/)
  await refused(pack([given('bad.parquet', 'PAR1')], out), 'FILE_INVALID', /bad\.parquet cannot be read/)
  await refused(pack([at('nowhere.jsonl')], out), 'INPUT_NOT_FOUND', /nowhere\.jsonl does not exist/)
  await refused(pack([given('rows.csv', 'a')], out), 'CONFIG_INVALID', /none of the endings/)
  await refused(pack([at('plain', 'blobs')], out), 'INPUT_NOT_FOUND', /holds no file/)
  // Records of a run are JSON, and no conversations.
  await refused(pack([at('plain', 'snapshots')], out), 'INPUT_INVALID', /None of 2 rows/)
  const hidden = readdirSync(scratch).filter((name) => name.startsWith('.'))
  assert.equal([existsSync(out), hidden], [false, []])
})

test('a run that did not come to its end is not exported', async () => {
  await refused(write(writeRepository(smallProject), 'atif', at('x')), 'INPUT_NOT_FOUND', /not the folder of a run/)
  mkdirSync(at('unfinished'))
  writeFileSync(at('unfinished', 'config.json'), readFileSync(at('plain', 'config.json')))
  await refused(write(at('unfinished'), 'atif', at('x')), 'RUN_INCOMPLETE', /has not come to its end/)
  assert.not(existsSync(at('x')))
})

test('a record that was changed names no file elsewhere', async () => {
  cpSync(at('plain'), at('changed'), { recursive: true })
  const [name] = readdirSync(at('changed', 'trajectories'))
  const path = at('changed', 'trajectories', name as string)
  const record = JSON.parse(readFileSync(path, 'utf8')) as object
  writeFileSync(path, JSON.stringify({ ...record, id: '../elsewhere' }))
  await refused(write(at('changed'), 'atif', at('x')), 'RECORD_INVALID', /calls itself/)
  assert.equal([existsSync(at('x')), existsSync(at('elsewhere.json'))], [false, false])
})

test('the two commands, as a program calls them', async () => {
  const out = at('by-command.jsonl')
  const written = await runCli(['export', at('plain'), '--format', 'openai-jsonl', '--out', out, '--json', '--quiet'])
  assert.equal([written.code, written.stderr], [0, ''])
  assert.equal(JSON.parse(written.stdout), { format: 'openai-jsonl', out, trajectories: 2 })
  const packed = await runCli(['import', out, '--out', at('by-command'), '--model', tinyModel])
  assert.is(packed.code, 0, packed.stderr)
  assert.match(packed.stdout, /^2 conversations of 2 rows\n\d+ packed rows?, \d+ tokens, \d+ of them trained/)
  const wrong = await runCli(['export', at('plain'), '--format', 'csv', '--out', at('x')])
  assert.is(wrong.code, 2)
  assert.match(wrong.stderr, /openai-jsonl, openai-parquet, atif/)
})

test.run()
