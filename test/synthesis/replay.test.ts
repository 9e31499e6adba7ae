import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { RetraceError } from '../../src/core/index.js'
import { trajectorySchema, type Step, type Trajectory } from '../../src/records/index.js'
import { replayTrajectory, synthesisOptionsSchema, type SynthesisOptions } from '../../src/synthesis/index.js'
import type { Action } from '../../src/tools/index.js'
import { smallProject, synthesizeFolder, writeRepository, type Synthesized } from '../support.js'

const test = suite('replay law')
const folder = writeRepository(smallProject)
const limits = { maxActionBytes: 256, maxReadBytes: 128 }
const debuggingOptions = (share: number): SynthesisOptions['debugging'] =>
  synthesisOptionsSchema.parse({ debugging: { share, attemptShare: 0 } }).debugging
const made = await synthesizeFolder(folder, { ...limits, debugging: debuggingOptions(0) })
/** The same project with a first version wrong wherever one can be. */
const debugged = await synthesizeFolder(folder, { ...limits, debugging: debuggingOptions(1) })

/** A copy of the trajectory with one change, and what the replay says of it. */
async function replayChanged(change: (trajectory: Trajectory) => void, of: Synthesized = made): Promise<string> {
  const trajectory = structuredClone(of.trajectory)
  change(trajectory)
  try {
    await replayTrajectory(trajectory, of.snapshot, of.blobs)
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

test('a synthesized trajectory gives the files back byte for byte, by writes, edits and reads', async () => {
  const result = await replayTrajectory(made.trajectory, made.snapshot, made.blobs)
  const bytes = Object.values(smallProject).reduce((sum, text) => sum + Buffer.byteLength(text), 0)
  assert.is(result.files, Object.keys(smallProject).length)
  assert.is(result.bytes, bytes)
  assert.ok(result.edits > 0 && result.reads > 0, JSON.stringify(result))
  assert.equal(trajectorySchema.parse(JSON.parse(JSON.stringify(made.trajectory))), made.trajectory)
})

test('the same folder gives the same trajectory', async () => {
  const again = await synthesizeFolder(folder, { ...limits, debugging: debuggingOptions(0) })
  assert.equal(again.trajectory, made.trajectory)
})

test('a missing, an extra and a repeated plan entry break the law', async () => {
  assert.match(await replayChanged((one) => void one.plan.files.pop()), /^REPLAY_FAILED .*plan/)
  assert.match(
    await replayChanged((one) => void one.plan.files.push({ path: 'x', purpose: '' })),
    /^REPLAY_FAILED .*plan/,
  )
  assert.match(await replayChanged((one) => void one.plan.files.push(one.plan.files[0]!)), /^REPLAY_FAILED .*plan/)
})

test('an observation that is not what is on disk breaks the law', async () => {
  const failure = await replayChanged((one) => {
    const observation = findStep(one, 'Read').observation
    if (observation !== null) observation.end -= 1
  })
  assert.match(failure, /not what is there/)
})

test('reading or editing a file that is not written yet breaks the law', async () => {
  assert.match(await replayChanged((one) => void one.episodes.reverse()), /not written yet|not in/)
})

test('content that misses a byte, or a part that is written twice, breaks the law', async () => {
  const shorter = await replayChanged((one) => {
    const { action } = findStep(one, 'Write')
    if (action.tool === 'Write') action.content.end -= 1
  })
  assert.match(shorter, /REPLAY_FAILED/)
  const twice = await replayChanged((one) => {
    const episode = one.episodes.find(({ steps }) => steps.some((step) => step.action.tool === 'Edit'))
    assert.ok(episode)
    episode.steps.push(episode.steps.at(-1) as Step)
  })
  assert.match(twice, /REPLAY_FAILED/)
})

test('a wrong line number, a range past the end and one that ends before it starts break the law', async () => {
  const line = await replayChanged((one) => {
    const { action } = findStep(one, 'Edit')
    if (action.tool === 'Edit') action.startLine += 1
  })
  assert.match(line, /not in line/)
  const range = await replayChanged((one) => {
    const { action } = findStep(one, 'Read')
    if (action.tool === 'Read') action.end += 1_000_000
  })
  assert.match(range, /are not in/)
  const backward = await replayChanged((one) => {
    const { action } = findStep(one, 'Read')
    if (action.tool === 'Read') [action.start, action.end] = [action.end, action.start]
  })
  assert.match(backward, /are not in/)
})

test('another snapshot, and content that leaves its blob, break the law', async () => {
  assert.match(await replayChanged((one) => void (one.snapshot = '0'.repeat(64))), /snapshot is not the one/)
  const past = await replayChanged((one) => {
    const last = one.episodes.at(-1)?.steps.at(-1)?.action
    if (last !== undefined && 'content' in last) last.content.end += 100_000
  })
  assert.match(past, /REPLAY_FAILED .*are not in blob/)
})

test('an agent that writes a file of another agent breaks the law', async () => {
  const failure = await replayChanged((one) => {
    const [first, second] = one.episodes
    assert.ok(first && second)
    second.steps.push({ ...(first.steps.at(-1) as Step) })
  })
  assert.match(failure, /it writes/)
})

/** The steps of the first episode that was first written wrong. */
function stepsDebugged(trajectory: Trajectory): Step[] {
  const episode = trajectory.episodes.find((one) => one.debugging !== undefined)
  assert.ok(episode, 'there is no debugging episode')
  return episode.steps
}

test('a trajectory with debugging episodes replays, and its checks are counted', async () => {
  const result = await replayTrajectory(debugged.trajectory, debugged.snapshot, debugged.blobs)
  assert.ok(result.checks >= 6 && result.checks % 2 === 0, `${result.checks} checks`)
  assert.is(result.files, Object.keys(smallProject).length)
})

test('a check that says something else breaks the law, and so does one that shows nothing', async () => {
  const other = debugged.blobs.put(Buffer.from('no problems found\n'))
  const changed = await replayChanged((one) => {
    const check = stepsDebugged(one).find(({ action }) => action.tool === 'Check')
    if (check !== undefined) check.observation = { blob: other, start: 0, end: 18 }
  }, debugged)
  assert.match(changed, /^REPLAY_FAILED .*a check of .* says something else now/)
  const silent = await replayChanged((one) => {
    const check = stepsDebugged(one).find(({ action }) => action.tool === 'Check')
    if (check !== undefined) check.observation = null
  }, debugged)
  assert.match(silent, /a Check shows nothing/)
})

test('a check before the file is written, and one moved behind the mending, break the law', async () => {
  const early = await replayChanged((one) => {
    const steps = stepsDebugged(one)
    const at = steps.findIndex(({ action }) => action.tool === 'Check')
    steps.unshift(...steps.splice(at, 1))
  }, debugged)
  assert.match(early, /is not written yet/)
  const late = await replayChanged((one) => {
    const steps = stepsDebugged(one)
    const at = steps.findIndex(({ action }) => action.tool === 'Check')
    steps.push(...steps.splice(at, 1))
  }, debugged)
  assert.match(late, /says something else now/)
})

test('a draft that stays in the file breaks the law', async () => {
  const failure = await replayChanged((one) => void stepsDebugged(one).splice(-2, 2), debugged)
  assert.match(failure, /do not come out as they are in the repository/)
})

test('an Edit that says another number of lines than it replaces breaks the law', async () => {
  const failure = await replayChanged((one) => {
    const edit = stepsDebugged(one).at(-2)?.action
    if (edit?.tool === 'Edit') edit.replacedLines += 1
  }, debugged)
  assert.match(failure, /it does not replace \d+ lines/)
})

test.run()
