import { execFileSync, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { memoryBlobStore } from '../../src/core/index.js'
import { createNarrator } from '../../src/generation/index.js'
import { groundingOptionsSchema, groundRepository } from '../../src/grounding/index.js'
import { openaiRow, type OpenAIRow } from '../../src/interchange/index.js'
import { synthesisOptionsSchema, synthesizeTrajectory } from '../../src/synthesis/index.js'

const test = suite('replay messages')

const script = join(process.env['RETRACE_ROOT'] ?? process.cwd(), 'scripts/verify/replay_messages.py')
const name = 'an interpreter of its own, in Python, makes the files of a repository of the exported messages'

/** Line ends of Windows, a byte order mark, letters of several bytes, no last line end, no line at all. */
const files: Record<string, string> = {
  'package.json': '{"name":"odd"}\n',
  'a.ts': '\ufeffexport function add(left: number, right: number): number {\r\n  return left + right\r\n}\r\n',
  'b.ts':
    "import { add } from './a.js'\n\nexport const grüße = '🎉 '\nexport const two = add(1, 1)\nexport const three = add(two, 1)",
  'c.py': `def total(values, offset):\n    return sum(values) + offset\n\n\nlong = '${'x'.repeat(300)}'\nprint(total([1], 2))\n`,
  'd.go':
    '// \u2028 and \u0085 end no line.\r\npackage d\r\n\r\nimport "fmt"\r\n\r\nfunc F() {\r\n\tfmt.Println(1)\r\n\tfmt.Println(2)\r\n}',
  'empty.txt': '',
  'lone.txt': '\n',
}

function replayed(rows: readonly OpenAIRow[], ...folders: string[]): { code: number | null; text: string } {
  const scratch = mkdtempSync(join(tmpdir(), 'retrace-messages-'))
  const path = join(scratch, 'rows.jsonl')
  writeFileSync(path, rows.map((row) => `${JSON.stringify(row)}\n`).join(''))
  const { status, stdout, stderr } = spawnSync('python3', [script, path, ...folders], { encoding: 'utf8' })
  rmSync(scratch, { recursive: true })
  return { code: status, text: stdout + stderr }
}

let reason = ''
try {
  execFileSync('python3', ['--version'], { stdio: 'ignore' })
} catch {
  reason = 'there is no python3'
}
if (reason !== '') {
  process.stdout.write(`skipped: "${name}": ${reason}\n`)
  test.skip(name, () => {})
} else {
  test(name, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'retrace-odd-'))
    try {
      for (const [path, text] of Object.entries(files)) writeFileSync(join(folder, path), text)
      const blobs = memoryBlobStore()
      const snapshot = await groundRepository(folder, groundingOptionsSchema.parse({}), blobs)
      const rows: OpenAIRow[] = []
      for (let seed = 0; seed < 12; seed++) {
        const debugging = { share: 1, attemptShare: 0 }
        const options = synthesisOptionsSchema.parse({ debugging, maxActionBytes: 256, maxReadBytes: 64 })
        const trajectory = await synthesizeTrajectory(snapshot, createNarrator(), options, blobs, seed)
        const decoder = new TextDecoder('utf-8', { ignoreBOM: true })
        rows.push(openaiRow(trajectory, ({ blob, start, end }) => decoder.decode(blobs.get(blob).subarray(start, end))))
      }
      assert.ok(JSON.stringify(rows).split('"draft":true').length > 12, 'too few drafts')
      const good = replayed(rows, `odd=${folder}`)
      assert.is(good.code, 0, good.text)
      assert.match(good.text, /^(odd: (\d+) of \2 files byte for byte, .*\n){12}$/)

      // It can tell a wrong file, a wrong answer to a Read and lines that are not there.
      const changed = (from: RegExp, to: string): OpenAIRow[] => {
        const [row] = rows
        const text = JSON.stringify(row)
        const other = text.replace(from, to)
        assert.is.not(other, text)
        return [JSON.parse(other) as OpenAIRow]
      }
      assert.match(
        replayed(changed(/return sum\(values\)/g, 'return max(values)'), `odd=${folder}`).text,
        /c\.py differs/,
      )
      assert.match(
        replayed(changed(/\\"start_line\\":\d+,\\"replaced_lines\\"/, '\\"start_line\\":99,\\"replaced_lines\\"')).text,
        /are not in a file of/,
      )
      assert.match(replayed(rows, `other=${folder}`).text, /other: no row has this name\n$/)
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
}

test.run()
