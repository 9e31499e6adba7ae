import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { loadRunConfig, shippedModel } from '../../src/config.js'
import { RunStore, silentProgress, spanReader } from '../../src/core/index.js'
import { run } from '../../src/pipeline/index.js'
import { trajectorySchema } from '../../src/records/index.js'
import { createRenderer, flatStep, type Segment } from '../../src/rendering/index.js'

/** A file of a package that is pinned in package.json: short, with imports of its own. */
const repository = 'semver'
const path = 'functions/clean.js'

/** The README's example: a file as it lies in a repository, and what its part of the trajectory is. */
export async function exampleText(root: string): Promise<string> {
  const folder = mkdtempSync(join(tmpdir(), 'retrace-example-'))
  try {
    const config = { ...loadRunConfig(undefined), search: false as const }
    const context = { progress: silentProgress, budget: { calls: null, tokens: null } }
    await run([join(root, 'node_modules', repository)], folder, shippedModel(), config, context)
    const store = new RunStore(folder)
    const trajectory = store.read('trajectories', store.finished('trajectories')[0] as string, trajectorySchema)
    const episode = trajectory.episodes.find((candidate) => candidate.path === path)
    if (episode === undefined) throw new Error(`${repository} has no ${path}`)
    const read = spanReader(store.blobs)
    const renderer = createRenderer('plain')
    const segments = episode.steps.flatMap((step) => flatStep(renderer.step(step, read)))
    const file = episode.steps.flatMap(({ action }) => ('content' in action ? [read(action.content)] : [])).join('')
    return [
      `\`${path}\` of the npm package \`${repository}\`, as it lies in the repository:`,
      `\`\`\`js\n${file.trimEnd()}\n\`\`\``,
      'The same file in the trajectory that Retrace makes of the repository, without a language model. Lines with `+` are trained; the',
      'others, such as what a Read shows, are only seen:',
      `\`\`\`diff\n${marked(segments)}\n\`\`\``,
    ]
      .join('\n\n')
      .replace('the\n\nothers', 'the\nothers')
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** Segments as lines that say which are trained: those of which most characters are, the line end included. */
function marked(segments: readonly Segment[]): string {
  const lines: { text: string; trained: number }[] = [{ text: '', trained: 0 }]
  for (const { text, origin, trainable } of segments) {
    const shown = origin === 'observation' ? beginningOf(text) : text
    for (const [index, part] of shown.split('\n').entries()) {
      if (index > 0) {
        ;(lines.at(-1) as { trained: number }).trained += trainable ? 1 : 0
        lines.push({ text: '', trained: 0 })
      }
      const line = lines.at(-1) as { text: string; trained: number }
      line.text += part
      if (trainable) line.trained += part.length
    }
  }
  const marks = lines.map(({ text, trained }) => `${trained * 2 > text.length + 1 ? '+' : ' '} ${text}`.trimEnd())
  return marks.join('\n').replace(/\n+$/, '')
}

const shownLines = 4

/** The first lines of what a Read shows: the whole of it would take most of the example. */
function beginningOf(text: string): string {
  const lines = text.split('\n')
  if (lines.length <= shownLines + 2) return text
  return [...lines.slice(0, shownLines), `... (${lines.length - 1 - shownLines} more lines)`, ''].join('\n')
}
