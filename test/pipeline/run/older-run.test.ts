import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { retraceVersion } from '../../../src/config.js'
import { runCli, tinyModel } from '../../cli/run-cli.js'
import { smallProject, writeRepository } from '../../support.js'

const test = suite('a run of an older version')
const scratch = mkdtempSync(join(tmpdir(), 'retrace-older-run-'))
process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))
const settings = join(scratch, 'config.json')
writeFileSync(settings, '{"search": false}')
const repository = writeRepository(smallProject)
const run = join(scratch, 'run')
const again = ['run', repository, '--out', run, '--config', settings, '--model', tinyModel]

test.before(async () => {
  const { code, stderr } = await runCli(again)
  assert.is(code, 0, stderr)
})

/** Rewrites the run's record. */
function change(record: (record: Record<string, unknown>) => object): void {
  const path = join(run, 'config.json')
  const before = readFileSync(path, 'utf8')
  writeFileSync(path, JSON.stringify(record(JSON.parse(before) as Record<string, unknown>)))
  restore = () => writeFileSync(path, before)
}
let restore = (): void => {}
test.after.each(() => restore())

async function refused(args: string[], says: RegExp): Promise<void> {
  const { code, stderr } = await runCli(args)
  assert.is(code, 2, stderr)
  assert.match(stderr, says)
  assert.match(stderr, /^retrace: [^\n]*\n$/)
}

test('one whose records have another form is refused by both versions, and by what to do', async () => {
  change(({ generator: _, ...record }) => ({
    ...record,
    retraceVersion: '0.1.0',
    config: { scorer: { keptBranchesMiB: 1024 } },
  }))
  const says = new RegExp(
    `holds a run of retrace 0\\.1\\.0, whose records this version, ${retraceVersion()}, cannot read. Use version 0\\.1\\.0 for it`,
  )
  await refused(again, says)
  for (const command of ['report', 'pack', 'replay']) await refused([command, run], says)
})

test('one whose records can be read is read, and only not gone on with', async () => {
  change((record) => ({ ...record, retraceVersion: '0.3.9' }))
  await refused(again, new RegExp(`made with another retraceVersion \\(0\\.3\\.9 there, ${retraceVersion()} here\\)`))
  const { code, stderr } = await runCli(['report', run])
  assert.is(code, 0, stderr)
})

test('a config.json that is not that of a run is none', async () => {
  change(() => ({ compilerOptions: {} }))
  await refused(again, /is not the folder of a run: its config\.json is something else/)
  await refused(['report', run], /is not the folder of a run: its config\.json is something else/)
  const other = join(scratch, 'other')
  mkdirSync(other)
  writeFileSync(join(other, 'config.json'), 'no JSON')
  await refused(['report', other], /is not the folder of a run/)
})

test('a record of this version that was changed by hand is told as such', async () => {
  change((record) => ({ ...record, inputs: 'all' }))
  const { code, stderr } = await runCli(['report', run])
  assert.is(code, 1)
  assert.match(stderr, /config\.json holds a record of another form: inputs/)
})

test.run()
