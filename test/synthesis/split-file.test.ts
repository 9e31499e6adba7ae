import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import type { Trajectory } from '../../src/records/index.js'
import { synthesizeFolder } from '../support.js'

const test = suite('splitting files and choosing reads')
const folder = join(process.cwd(), 'node_modules', 'semver')
const limits = { maxActionBytes: 2000, maxReadBytes: 800, maxReadsPerFile: 2 }
const { trajectory, snapshot, blobs } = await synthesizeFolder(folder, limits)

function partsOf(path: string, from: Trajectory = trajectory): { start: number; end: number }[] {
  const steps = from.episodes.find((episode) => episode.path === path)?.steps ?? []
  return steps.flatMap(({ action }) => ('content' in action ? [action.content] : []))
}

test('the parts of every file cover it without gap or overlap and begin at line starts', () => {
  let cutFiles = 0
  for (const file of snapshot.files) {
    const bytes = blobs.get(file.blob)
    const parts = partsOf(file.path)
    assert.is(parts[0]?.start, 0, file.path)
    assert.is(parts.at(-1)?.end, file.sizeBytes, file.path)
    parts.slice(1).forEach((part, index) => {
      assert.is(part.start, parts[index]?.end)
      assert.is(bytes[part.start - 1], 0x0a, `${file.path} is cut inside a line at ${part.start}`)
    })
    if (parts.length > 1) cutFiles++
  }
  assert.ok(cutFiles > 5, `only ${cutFiles} files were cut`)
})

test('a cut stands where a declaration or a member begins', () => {
  const text = readFileSync(join(folder, 'classes', 'range.js'), 'utf8')
  const parts = partsOf('classes/range.js')
  const heads = parts.slice(1).map(({ start }) =>
    Buffer.from(text)
      .toString('utf8', start)
      .split('\n')
      .find((line) => line.trim() !== ''),
  )
  assert.ok(heads.length > 3)
  for (const head of heads)
    assert.match(head ?? '', /^\s*(\/\/|\/\*|const |static |get |[a-zA-Z]+ ?\(|module\.exports|toString|class )/)
})

test('reads are of written dependencies, whole lines, and within the limits', () => {
  let reads = 0
  const written = new Set<string>()
  for (const { path, steps } of trajectory.episodes) {
    const own = steps.filter((step) => step.action.tool === 'Read')
    assert.ok(own.length <= limits.maxReadsPerFile)
    for (const { action } of own) {
      if (action.tool !== 'Read') continue
      assert.ok(written.has(action.path), `${path} reads ${action.path} too early`)
      assert.ok(snapshot.dependencies.some(([from, to]) => from === path && to === action.path))
      const bytes = blobs.get(snapshot.files.find((file) => file.path === action.path)?.blob ?? '')
      assert.ok(action.start === 0 || bytes[action.start - 1] === 0x0a)
      assert.ok(action.end === bytes.length || bytes[action.end - 1] === 0x0a)
      assert.ok(action.end - action.start <= limits.maxReadBytes, `${action.path} ${action.end - action.start}`)
      reads++
    }
    written.add(path)
  }
  assert.ok(reads > 30, `only ${reads} reads`)
})

test.run()
