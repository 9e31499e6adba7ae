import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { memoryBlobStore, type BlobStore, type SpanReader } from '../src/core/index.js'
import { createNarrator } from '../src/generation/index.js'
import { groundingOptionsSchema, groundRepository } from '../src/grounding/index.js'
import type { RepositorySnapshot, Trajectory } from '../src/records/index.js'
import { synthesisOptionsSchema, synthesizeTrajectory, type SynthesisOptions } from '../src/synthesis/index.js'

/** Files by path, in a new folder of their own. */
export function writeRepository(files: Record<string, string | Uint8Array>): string {
  const folder = mkdtempSync(join(tmpdir(), 'retrace-test-'))
  for (const [path, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), content)
  }
  return folder
}

/** A small project with a cycle, a class, docs, a file without declarations and an empty file. */
export const smallProject: Record<string, string> = {
  'package.json': '{ "name": "small-project", "description": "Counts words and prints them." }\n',
  'README.md': '# Small project\n\nCounts words and prints them.\n',
  'src/words.ts': [
    '/** Splits text into words. */',
    'export function splitWords(text: string): string[] {',
    "  return text.split(' ').filter((word) => word !== '')",
    '}',
    '',
    '/** How often each word stands in a text. */',
    'export class WordCounter {',
    '  private readonly counts = new Map<string, number>()',
    '  add(text: string): void {',
    '    for (const word of splitWords(text)) this.counts.set(word, (this.counts.get(word) ?? 0) + 1)',
    '  }',
    '  /** The count of a word, 0 where it never stood. */',
    '  count(word: string): number {',
    '    return this.counts.get(word) ?? 0',
    '  }',
    '}',
    '',
  ].join('\n'),
  'src/print.ts': [
    "import { WordCounter } from './words.js'",
    "import { header } from './header.js'",
    '',
    'export function print(counter: WordCounter, words: string[]): string {',
    '  return [header(), ...words.map((word) => `${word}: ${counter.count(word)}`)].join("\\n")',
    '}',
    'export const width = 40 // grüße, 你好 and 🎉 keep bytes and characters apart',
    '',
  ].join('\n'),
  'src/header.ts': "import { width } from './print.js'\n\nexport const header = (): string => '='.repeat(width)\n",
  'src/index.ts': "export { print } from './print.js'\nexport { WordCounter } from './words.js'\n",
  'src/empty.ts': '',
  'tools/count.py': [
    '"""Counts lines, for a quick look."""',
    'import sys',
    '',
    '',
    'def count_lines(path, *, skip_blank=False):',
    '    """Count the lines of a file."""',
    '    with open(path) as handle:',
    '        return sum(1 for line in handle if line.strip() or not skip_blank)',
    '',
    '',
    "if __name__ == '__main__':",
    '    print(count_lines(sys.argv[1]))',
    '',
  ].join('\n'),
}

export interface Synthesized {
  snapshot: RepositorySnapshot
  trajectory: Trajectory
  blobs: BlobStore
  read: SpanReader
}

/** Grounds a folder and synthesizes its trajectory by the narrator. */
export async function synthesizeFolder(folder: string, options: Partial<SynthesisOptions> = {}): Promise<Synthesized> {
  const blobs = memoryBlobStore()
  const snapshot = await groundRepository(folder, groundingOptionsSchema.parse({}), blobs)
  const generator = createNarrator()
  const trajectory = await synthesizeTrajectory(
    snapshot,
    generator,
    synthesisOptionsSchema.parse({ debugging: { share: 0 }, ...options }),
    blobs,
  )
  const read: SpanReader = ({ blob, start, end }) => Buffer.from(blobs.get(blob).subarray(start, end)).toString('utf8')
  return { snapshot, trajectory, blobs, read }
}
