import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { digestFolder, runCli, tinyModel } from '../../cli/run-cli.js'
import { smallProject, writeRepository } from '../../support.js'

const test = suite('resume')
const scratch = mkdtempSync(join(tmpdir(), 'retrace-resume-'))
const repositories = [writeRepository(smallProject), join(process.cwd(), 'node_modules', 'picocolors')]
const config = join(scratch, 'config.json')
writeFileSync(
  config,
  JSON.stringify({
    synthesis: { maxActionBytes: 1000, maxReadBytes: 400, maxReadsPerFile: 2 },
    search: { maxThoughtTokens: 500 },
    packing: { sequenceLength: 4096 },
  }),
)
const argsFor = (out: string, configFile = config): string[] => [
  'run',
  ...repositories,
  '--out',
  join(scratch, out),
  '--config',
  configFile,
  '--model',
  tinyModel,
]

test('a run leaves what the README names, and the same command again finds nothing to do', async () => {
  const first = await runCli(argsFor('whole'))
  assert.is(first.code, 0, first.stderr)
  const names = readdirSync(join(scratch, 'whole'))
  for (const name of ['manifest.json', 'shards', 'trajectories', 'report.html']) assert.ok(names.includes(name), name)
  assert.ok(readdirSync(join(scratch, 'whole', 'shards')).some((name) => name.endsWith('.parquet')))
  assert.ok(names.every((name) => name !== 'lock' && !name.endsWith('.tmp')))
  const before = digestFolder(join(scratch, 'whole'), [])
  const second = await runCli(argsFor('whole'))
  assert.is(second.code, 0, second.stderr)
  assert.match(second.stdout, /Nothing was left to do/)
  assert.equal(digestFolder(join(scratch, 'whole'), []), before)
})

test('a run that is killed again and again ends in the same bytes as one that never was', async () => {
  let kills = 0
  // Ever longer lives: from a start that has barely opened the folder to one that dies in the middle of the search.
  for (let lifeMs = 150; lifeMs < 60_000; lifeMs = Math.round(lifeMs * 1.35)) {
    const { code, stderr } = await runCli(argsFor('killed'), { afterMs: lifeMs, signal: 'SIGKILL' })
    if (code === 0) break
    assert.is(code, null, `it failed by itself: ${stderr}`)
    kills++
  }
  assert.ok(kills >= 4, `it was killed only ${kills} times`)
  assert.equal(digestFolder(join(scratch, 'killed')), digestFolder(join(scratch, 'whole')))
})

test('a kill between a draft and the end of its mark leaves no repository unfinished for ever', async () => {
  const folder = join(scratch, 'killed')
  const before = digestFolder(folder)
  const [name = ''] = readdirSync(join(folder, 'drafts'))
  mkdirSync(join(folder, 'unfinished'), { recursive: true })
  const mark = { id: name.replace(/\.json$/, ''), stage: 'synthesis' }
  writeFileSync(join(folder, 'unfinished', name), `${JSON.stringify(mark)}\n`)
  rmSync(join(folder, 'manifest.json'))
  const { code, stdout, stderr } = await runCli(argsFor('killed'))
  assert.is(code, 0, stderr)
  assert.not.match(stdout, /unfinished/)
  assert.equal(digestFolder(folder), before)
})

test('Ctrl-C stops a run in one line, and the same command goes on', async () => {
  const stopped = await runCli(argsFor('stopped'), { whenItSays: /^Synthesis:/m, afterMs: 300, signal: 'SIGINT' })
  assert.is(stopped.code, 1, stopped.stderr)
  assert.match(stopped.stderr, /\nretrace: Stopped\. Run the same command again to go on\.\n$/)
  const { code, stderr } = await runCli(argsFor('stopped'))
  assert.is(code, 0, stderr)
  assert.equal(digestFolder(join(scratch, 'stopped')), digestFolder(join(scratch, 'whole')))
})

test('the number of workers changes nothing in what comes out', async () => {
  const other = join(scratch, 'one-worker.json')
  writeFileSync(
    other,
    JSON.stringify({ ...JSON.parse(readFileSync(config, 'utf8')), workers: { grounding: 3, scoring: 1 } }),
  )
  const { code, stderr } = await runCli(argsFor('one-worker', other))
  assert.is(code, 0, stderr)
  assert.equal(digestFolder(join(scratch, 'one-worker')), digestFolder(join(scratch, 'whole')))
})

test('replay passes on the run, and one flipped byte in a blob makes it fail', async () => {
  const fine = await runCli(['replay', join(scratch, 'whole')])
  assert.is(fine.code, 0, fine.stdout)
  assert.match(fine.stdout, /2 of 2 trajectories replay byte for byte/)
  const { episodes } = JSON.parse(
    readFileSync(
      join(scratch, 'whole', 'trajectories', readdirSync(join(scratch, 'whole', 'trajectories'))[0] ?? ''),
      'utf8',
    ),
  ) as {
    episodes: { steps: { action: { content?: { blob: string; end: number } } }[] }[]
  }
  const span = episodes.flatMap(({ steps }) => steps).find(({ action }) => (action.content?.end ?? 0) > 0)
    ?.action.content
  assert.ok(span)
  const path = join(scratch, 'whole', 'blobs', span.blob.slice(0, 2), span.blob)
  const bytes = readFileSync(path)
  bytes[0] = (bytes[0] ?? 0) ^ 1
  writeFileSync(path, bytes)
  const broken = await runCli(['replay', join(scratch, 'whole')])
  assert.is(broken.code, 1)
  assert.match(broken.stdout, /FAILED .* was changed/)
  assert.match(broken.stdout, /1 of 2 trajectories/)
})

test('another config, model or input for the same folder is refused, and nothing is touched', async () => {
  const before = digestFolder(join(scratch, 'killed'), [])
  const other = join(scratch, 'other.json')
  writeFileSync(other, '{"seed": 5}')
  const { code, stderr } = await runCli(argsFor('killed', other))
  assert.is(code, 2)
  assert.match(stderr, /holds a run that was made with another config/)
  assert.equal(digestFolder(join(scratch, 'killed'), []), before)
})

test('a pack that is killed leaves no run that looks whole, and running it again mends it', async () => {
  const out = join(scratch, 'stopped')
  const other = join(scratch, 'parquet.json')
  writeFileSync(other, '{"packing": {"formats": ["parquet"]}}')
  let kills = 0
  for (let lifeMs = 300; lifeMs < 20_000; lifeMs = Math.round(lifeMs * 1.2)) {
    const { code } = await runCli(['pack', out, '--config', other], { afterMs: lifeMs, signal: 'SIGKILL' })
    if (code === 0) break
    kills++
    const whole = existsSync(join(out, 'manifest.json'))
    assert.is(whole && !readdirSync(join(out, 'shards')).includes('trajectories-00000.parquet'), false)
  }
  assert.ok(kills > 0)
  assert.not(readdirSync(join(out, 'shards')).some((name) => name.endsWith('.arrow')))
  rmSync(join(out, 'shards', 'trajectories-00000.parquet'))
  const again = await runCli(argsFor('stopped'))
  assert.is(again.code, 0, again.stderr)
  assert.not.match(again.stdout, /Nothing was left to do/)
  assert.equal(readdirSync(join(out, 'shards')).sort(), ['manifest.json', 'trajectories-00000.parquet'])
})

test('a trajectory that is gone fails the replay, and the run does not count as whole', async () => {
  const out = join(scratch, 'one-worker')
  const [name] = readdirSync(join(out, 'trajectories'))
  rmSync(join(out, 'trajectories', name ?? ''))
  const replay = await runCli(['replay', out])
  assert.is(replay.code, 1, replay.stdout)
  assert.match(replay.stdout, /FAILED .*does not exist/)
  const again = await runCli(argsFor('one-worker', join(scratch, 'one-worker.json')))
  assert.is(again.code, 0, again.stderr)
  for (const part of ['trajectories', 'shards', 'search']) {
    assert.equal(digestFolder(join(out, part)), digestFolder(join(scratch, 'whole', part)))
  }
})

test('a run that has not come to its end is not packed, and a renderer that did not score is refused', async () => {
  const out = join(scratch, 'unfinished')
  await runCli(argsFor('unfinished'), { whenItSays: /^Synthesis:/m, afterMs: 50, signal: 'SIGKILL' })
  const early = await runCli(['pack', out])
  assert.is(early.code, 1)
  assert.match(early.stderr, /has not come to its end/)
  const other = join(scratch, 'plain.json')
  writeFileSync(other, '{"packing": {"renderer": "plain"}}')
  const refused = await runCli(['pack', join(scratch, 'one-worker'), '--config', other])
  assert.is(refused.code, 2)
  assert.match(refused.stderr, /scored with the renderer llama3-chat/)
})

test('a folder for the run inside the repository is refused', async () => {
  const inside = join(repositories[0] as string, 'runs', 'x')
  const { code, stderr } = await runCli(['run', repositories[0] as string, '--out', inside, '--model', tinyModel])
  assert.is(code, 2)
  assert.match(stderr, /lies inside the repository/)
  assert.not(existsSync(inside))
  symlinkSync(repositories[0] as string, join(scratch, 'link'))
  const linked = join(scratch, 'link', 'out')
  assert.is((await runCli(['run', repositories[0] as string, '--out', linked, '--model', tinyModel])).code, 2)
  assert.not(existsSync(linked))
})

test('packing again with a shorter row keeps the trajectories and renews shards and manifest', async () => {
  const other = join(scratch, 'pack.json')
  writeFileSync(other, '{"packing": {"sequenceLength": 2048}}')
  const trajectories = (): Record<string, string> => digestFolder(join(scratch, 'killed', 'trajectories'))
  const before = trajectories()
  const { code, stderr, stdout } = await runCli(['pack', join(scratch, 'killed'), '--config', other, '--json'])
  assert.is(code, 0, stderr)
  assert.is((JSON.parse(stdout) as { shards: { sequenceLength: number } }).shards.sequenceLength, 2048)
  assert.equal(trajectories(), before)
  const report = await runCli(['report', join(scratch, 'killed')])
  assert.is(report.code, 0, report.stderr)
})

test.run()
