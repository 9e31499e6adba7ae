import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { loadRunConfig } from '../../../src/config.js'
import { silentProgress, type RetraceError } from '../../../src/core/index.js'
import { importConversations, packRun, run } from '../../../src/pipeline/index.js'
import { tinyModel } from '../../cli/run-cli.js'
import { smallProject, writeRepository } from '../../support.js'

const test = suite('a run packed as bare code')
const scratch = mkdtempSync(join(tmpdir(), 'retrace-pack-code-'))
test.after(() => rmSync(scratch, { recursive: true, force: true }))

const context = { progress: silentProgress }
const folder = join(scratch, 'run')
writeFileSync(join(scratch, 'config.json'), JSON.stringify({ search: false, packing: { formats: ['parquet'] } }))
const config = loadRunConfig(join(scratch, 'config.json'))
const repository = writeRepository(smallProject)
const first = await run([repository], folder, tinyModel, config, context)

test('a run from before there was a choice goes on as the same run', async () => {
  const path = join(folder, 'config.json')
  const record = JSON.parse(readFileSync(path, 'utf8')) as { config: { packing: { content?: string } } }
  assert.is(record.config.packing.content, 'trajectory')
  delete record.config.packing.content
  writeFileSync(path, JSON.stringify(record))
  assert.is((await run([repository], folder, tinyModel, config, context)).nothingToDo, true)
})

test('it is packed as code and as trajectories again, each the same bytes every time', async () => {
  const { shards: code } = await packRun(folder, { content: 'code' }, context)
  assert.is(code.renderer, 'code')
  assert.equal(Object.keys(code.domains), ['code'])
  // All but the two ends of the one document is trained.
  assert.is(code.packing.trainedTokens, code.packing.tokens - 2)
  assert.ok(code.packing.tokens < first.shards.packing.tokens)
  const { shards: back } = await packRun(folder, { content: 'trajectory' }, context)
  assert.equal(back, first.shards)
})

test('conversations have no repository to be packed as', async () => {
  const packing = { ...config.packing, content: 'code' as const }
  try {
    await importConversations(
      [scratch],
      { path: join(scratch, 'import'), force: false },
      tinyModel,
      { ...config, packing },
      context,
    )
    assert.unreachable()
  } catch (error) {
    assert.is((error as RetraceError).code, 'CONFIG_INVALID')
    assert.match((error as RetraceError).message, /packing\.content/)
  }
})

test.run()
