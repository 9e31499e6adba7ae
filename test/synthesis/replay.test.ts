import { suite } from 'uvu'
import * as assert from 'uvu/assert'
import { RetraceError } from '../../src/core/index.js'
import { trajectorySchema, type Action, type Step, type Trajectory } from '../../src/records/index.js'
import { replayTrajectory } from '../../src/synthesis/index.js'
import { smallProject, synthesizeFolder, writeRepository } from '../support.js'

const test = suite('replay law')
const folder = writeRepository(smallProject)
const made = await synthesizeFolder(folder, { maxActionBytes: 256, maxReadBytes: 128 })

/** A copy of the trajectory with one change, and what the replay says of it. */
function replayChanged(change: (trajectory: Trajectory) => void): string {
  const trajectory = structuredClone(made.trajectory)
  change(trajectory)
  try {
    replayTrajectory(trajectory, made.snapshot, made.blobs)
    return 'replayed'
  } catch (error) {
    return error instanceof RetraceError ? `${error.code} ${error.message}` : String(error)
  }
}

function findStep(trajectory: Trajectory, tool: Action['tool']): Step {
  const step = trajectory.episodes.flatMap((episode) => episode.steps).find((one) => one.action.tool === tool)
  assert.ok(step, `there is no ${tool}`)
  return step
}

test('a synthesized trajectory gives the files back byte for byte, by writes, edits and reads', () => {
  const result = replayTrajectory(made.trajectory, made.snapshot, made.blobs)
  const bytes = Object.values(smallProject).reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  assert.is(result.files, Object.keys(smallProject).length)
  assert.is(result.bytes, bytes)
  assert.ok(result.edits > 0 && result.reads > 0, JSON.stringify(result))
  assert.equal(trajectorySchema.parse(JSON.parse(JSON.stringify(made.trajectory))), made.trajectory)
})

test('the same folder gives the same trajectory', async () => {
  const again = await synthesizeFolder(folder, { maxActionBytes: 256, maxReadBytes: 128 })
  assert.equal(again.trajectory, made.trajectory)
})

test('a missing, an extra and a repeated plan entry break the law', () => {
  assert.match(
    replayChanged((one) => void one.plan.files.pop()),
    /^REPLAY_FAILED .*plan/,
  )
  assert.match(
    replayChanged((one) => void one.plan.files.push({ path: 'x', purpose: '' })),
    /^REPLAY_FAILED .*plan/,
  )
  assert.match(
    replayChanged((one) => void one.plan.files.push(one.plan.files[0]!)),
    /^REPLAY_FAILED .*plan/,
  )
})

test('an observation that is not what is on disk breaks the law', () => {
  const failure = replayChanged((one) => {
    const observation = findStep(one, 'Read').observation
    if (observation !== null) observation.end -= 1
  })
  assert.match(failure, /not what is there/)
})

test('reading or editing a file that is not written yet breaks the law', () => {
  assert.match(
    replayChanged((one) => void one.episodes.reverse()),
    /not written yet|not in/,
  )
})

test('content that misses a byte, or a part that is written twice, breaks the law', () => {
  const shorter = replayChanged((one) => {
    const { action } = findStep(one, 'Write')
    if (action.tool === 'Write') action.content.end -= 1
  })
  assert.match(shorter, /REPLAY_FAILED/)
  const twice = replayChanged((one) => {
    const episode = one.episodes.find(({ steps }) => steps.some((step) => step.action.tool === 'Edit'))
    assert.ok(episode)
    episode.steps.push(episode.steps.at(-1) as Step)
  })
  assert.match(twice, /REPLAY_FAILED/)
})

test('a wrong line number and a range past the end break the law', () => {
  const line = replayChanged((one) => {
    const { action } = findStep(one, 'Edit')
    if (action.tool === 'Edit') action.startLine += 1
  })
  assert.match(line, /not in line/)
  const range = replayChanged((one) => {
    const { action } = findStep(one, 'Read')
    if (action.tool === 'Read') action.end += 1_000_000
  })
  assert.match(range, /are not in/)
})

test('another snapshot, and content that leaves its blob, break the law', () => {
  assert.match(
    replayChanged((one) => void (one.snapshot = '0'.repeat(64))),
    /snapshot is not the one/,
  )
  const past = replayChanged((one) => {
    const last = one.episodes.at(-1)?.steps.at(-1)?.action
    if (last?.tool !== 'Read' && last !== undefined) last.content.end += 100_000
  })
  assert.match(past, /REPLAY_FAILED .*are not in blob/)
})

test('an agent that writes a file of another agent breaks the law', () => {
  const failure = replayChanged((one) => {
    const [first, second] = one.episodes
    assert.ok(first && second)
    second.steps.push({ ...(first.steps.at(-1) as Step) })
  })
  assert.match(failure, /it writes/)
})

test.run()
