import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import fc from 'fast-check'
import { atifTrajectory } from '../../src/interchange/index.js'
import type { Trajectory } from '../../src/records/index.js'
import { debugged } from '../interchange/debugged-trajectory.js'
import { anyTrajectory, blobs, readSpan } from '../packing/random-trajectories.js'
import { smallProject, synthesizeFolder, writeRepository } from '../support.js'
import { pythonWith } from './python-with.js'

const test = suite('atif')

const script = join(process.env.RETRACE_ROOT ?? process.cwd(), 'test/python/atif_check.py')

interface Checked {
  file: string
  error?: string
  subagents: number
  steps: number
  drafts: number
  called: number
}

/** Has the package read these documents, each of a file of its own. */
function check(python: string, documents: readonly object[]): Checked[] {
  const folder = mkdtempSync(join(tmpdir(), 'retrace-atif-'))
  try {
    const files = documents.map((document, index) => {
      const path = join(folder, `${index}.json`)
      writeFileSync(path, JSON.stringify(document))
      return path
    })
    const lines = execFileSync(python, [script, ...files], { encoding: 'utf8', maxBuffer: 2 ** 26 })
      .trim()
      .split('\n')
    return lines.map((line) => JSON.parse(line) as Checked)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

const found = pythonWith('atif')
if ('reason' in found) {
  process.stdout.write(`skipped: "the package atif takes what we export": ${found.reason}\n`)
  test.skip('the package atif takes what we export', () => {})
} else {
  const { python } = found
  const source = { read: readSpan, blobs, retraceVersion: '0.0.0' }
  const filesOf = (one: Trajectory): number => one.episodes.length

  test('the package atif takes every trajectory that there can be', () => {
    const trajectories = fc.sample(anyTrajectory, { numRuns: 60, seed: 3 })
    const checked = check(
      python,
      trajectories.map((one) => atifTrajectory(one, source)),
    )
    assert.equal(
      checked.flatMap(({ error }) => error ?? []),
      [],
    )
    assert.equal(
      checked.map(({ subagents }) => subagents),
      trajectories.map(filesOf),
    )
    assert.ok(checked.some(({ drafts }) => drafts > 0))
  })

  test('what language models wrote is whole in every document: prompt, tools, parameters, request and answer', () => {
    const [checked] = check(python, [atifTrajectory(debugged, source)])
    assert.is(checked?.error, undefined)
    // The plan, and four thoughts.
    assert.equal([checked?.called, checked?.drafts, checked?.subagents], [5, 1, 2])
  })

  test('a real repository, told by the narrator, counts no call of a model', async () => {
    const { trajectory, read, blobs } = await synthesizeFolder(writeRepository(smallProject))
    const [checked] = check(python, [atifTrajectory(trajectory, { read, blobs, retraceVersion: '0.0.0' })])
    assert.is(checked?.error, undefined)
    assert.equal([checked?.called, checked?.subagents], [0, Object.keys(smallProject).length])
  })

  test('a document that breaks a rule is found', () => {
    const good = atifTrajectory(debugged, source) as { steps: { step_id: number }[]; agent: object }
    const broken = [
      { ...good, steps: good.steps.slice(1) },
      { ...good, surprise: true },
      { ...good, subagent_trajectories: [] },
      { ...good, agent: { ...good.agent, tool_definitions: [] } },
    ]
    for (const { error } of check(python, broken)) assert.type(error, 'string')
  })
}

test.run()
