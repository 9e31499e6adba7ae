import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync, readFileSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { createChecker } from '../../src/synthesis/debugging/checker.js'
import { diskOf } from './disk-of.js'

const test = suite('false alarms')
const modules = join(process.env['RETRACE_ROOT'] ?? process.cwd(), 'node_modules')

/** Real defects, by file and message. */
const trueDefects = [
  // Each of these names is assigned or imported, and occurs nowhere else in its file.
  /^(_header_value_parser\.py:\d+: 'recover'|charset\.py:\d+: 'separator'|message\.py:\d+: 'Policy'|mime\/text\.py:\d+: 'Charset')/,
]

/** The problems that the check finds in the source files of a folder, without the real defects. */
async function alarmsIn(folder: string, wanted = /\.([cm]?[jt]sx?|py)$/): Promise<{ files: number; alarms: string[] }> {
  const paths = readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map((name) => join(folder, name))
    .filter((path) => !path.includes('node_modules', folder.length) && statSync(path).isFile())
  const texts = Object.fromEntries(paths.map((path) => [relative(folder, path), readFileSync(path)]))
  const disk = diskOf(texts)
  const checker = createChecker()
  let files = 0
  const alarms: string[] = []
  for (const path of Object.keys(texts).filter((name) => wanted.test(name))) {
    files++
    const { output, problems } = await checker.check(path, disk)
    if (problems > 0) alarms.push(...output.trimEnd().split('\n').slice(0, -1))
  }
  return { files, alarms: alarms.filter((alarm) => !trueDefects.some((defect) => defect.test(alarm))) }
}

for (const [name, leastFiles, wanted] of [
  ['commander', 8, undefined],
  ['semver', 40, undefined],
  ['piscina', 8, /^src\/.*\.ts$/],
  ['zod/src/v4', 20, /^(core|mini)\/[\w-]+\.ts$/],
] as const) {
  test(`nothing is found in ${name}, whose code is right`, async () => {
    const folder = join(modules, name)
    if (!existsSync(folder)) {
      console.log(`skipped: ${name} is not installed`)
      return
    }
    const { files, alarms } = await alarmsIn(folder, wanted)
    assert.ok(files >= leastFiles, `only ${files} files`)
    assert.equal(alarms, [])
  })
}

test("nothing is found in Python's own packages but what is really wrong there", async () => {
  let library: string
  try {
    library = execFileSync(
      'python3',
      ['-c', 'import os, json; print(os.path.dirname(os.path.dirname(json.__file__)))'],
      {
        encoding: 'utf8',
      },
    ).trim()
  } catch {
    console.log('skipped: there is no python3')
    return
  }
  for (const name of ['json', 'email', 'http']) {
    const { files, alarms } = await alarmsIn(join(library, name))
    assert.ok(files >= 4, `only ${files} files in ${name}`)
    assert.equal(alarms, [], name)
  }
})

test.run()
