import { spawnSync } from 'node:child_process'
import {
  cpSync,
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
import { delimiter, dirname, join, resolve } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'

const root = process.cwd()
const pages = [
  'README.md',
  ...readdirSync(join(root, 'docs'), { recursive: true, encoding: 'utf8' }).map((name) => join('docs', name)),
]
  .filter((name) => name.endsWith('.md'))
  .sort()

const textOf = (page: string): string => readFileSync(join(root, page), 'utf8')

/** The `sh` blocks of a page. One that begins with `# needs ...` says to its reader what it cannot run without. */
function shellBlocks(page: string): { text: string; needs: string | null }[] {
  return [...textOf(page).matchAll(/^```sh\n([\s\S]*?)^```$/gm)].map((match) => {
    const text = match[1] as string
    return { text, needs: /^# needs (.*)\n/.exec(text)?.[1] ?? null }
  })
}

const test = suite('commands and links of the documentation')

test('every command of a page runs, in the order of the page, or says what it needs', () => {
  let ran = 0
  for (const page of pages) {
    const blocks = shellBlocks(page).filter(({ needs }) => needs === null)
    if (blocks.length === 0) continue
    const folder = mkdtempSync(join(tmpdir(), 'retrace-docs-'))
    try {
      prepare(folder, page)
      for (const { text } of blocks) {
        const path = [join(folder, 'bin'), process.env.PATH].join(delimiter)
        const result = spawnSync('bash', ['-euo', 'pipefail', '-c', text], {
          cwd: folder,
          encoding: 'utf8',
          env: { ...process.env, PATH: path },
        })
        assert.is(result.status, 0, `${page}:\n${text}\n${result.stdout}${result.stderr}`)
        ran++
      }
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  assert.ok(ran >= 5, `only ${ran} blocks were run`)
})

/** A folder as a reader has it: the command, a repository of his own, and what earlier pages made. */
function prepare(folder: string, page: string): void {
  mkdirSync(join(folder, 'bin'))
  symlinkSync(join(root, 'bin', 'retrace.mjs'), join(folder, 'bin', 'retrace'))
  cpSync(join(root, 'node_modules', 'picocolors'), join(folder, 'my-repo'), { recursive: true })
  const request = { id: 'one', prefix: 'const a = 1\n', branches: [{ context: '', target: 'const b = 2\n' }] }
  writeFileSync(join(folder, 'requests.jsonl'), `${JSON.stringify(request)}\n`)
  if (!shellBlocks(page).some(({ text, needs }) => needs === null && text.includes('runs/mine'))) return
  if (textOf(page).includes('retrace run my-repo --out runs/mine')) return
  const main = join(root, 'dist', 'src', 'cli', 'main.js')
  const args = ['run', 'my-repo', '--out', 'runs/mine', '--no-search', '--quiet']
  const result = spawnSync(process.execPath, [main, ...args], { cwd: folder, encoding: 'utf8' })
  assert.is(result.status, 0, result.stderr)
}

test('every link of a page leads to a file and a heading', () => {
  let links = 0
  for (const page of pages) {
    for (const [, target] of textOf(page).matchAll(/\]\(([^)\s]+)\)/g)) {
      if (/^[a-z]+:/.test(target as string)) continue
      links++
      const [path, anchor] = (target as string).split('#')
      const file = path === '' ? join(root, page) : resolve(root, dirname(page), path as string)
      assert.ok(existsSync(file), `${page} links to ${target as string}, which is not there`)
      if (anchor !== undefined)
        assert.ok(anchorsOf(file).includes(anchor), `${page} links to ${target as string}: no such heading`)
    }
  }
  assert.ok(links > 50, `only ${links} links were seen`)
})

/** The anchors that GitHub gives to the headings of a file. */
function anchorsOf(file: string): string[] {
  return [...readFileSync(file, 'utf8').matchAll(/^#+ (.*)$/gm)].map(([, heading]) =>
    (heading as string)
      .toLowerCase()
      .replace(/[^\p{L}\p{N} _-]/gu, '')
      .replaceAll(' ', '-'),
  )
}

test.run()
