import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { memoryBlobStore } from '../../../src/core/index.js'
import { GroundingError, groundingOptionsSchema, groundRepository } from '../../../src/grounding/index.js'
import { readLicence } from '../../../src/grounding/licence/expression.js'
import { ground, writeRepository } from '../repository-fixture.js'

const test = suite('licence')
const require = createRequire(import.meta.url)
const textOf = (id: string): string =>
  (require(`spdx-license-list/licenses/${id}.json`) as { licenseText: string }).licenseText
const source = { 'a.py': 'a = 1\n' }

async function expressionOf(files: Record<string, string>): Promise<string> {
  return (await ground(writeRepository({ ...source, ...files }))).snapshot.licence.expression
}

test('the words of manifests become SPDX expressions', async () => {
  const cases: [Record<string, string>, string][] = [
    [{ 'package.json': '{"license": "MIT"}' }, 'MIT'],
    [{ 'package.json': '{"license": "(MIT OR Apache-2.0)"}' }, 'MIT OR Apache-2.0'],
    [{ 'package.json': '{"licenses": [{"type": "MIT"}, {"type": "BSD-3-Clause"}]}' }, 'MIT OR BSD-3-Clause'],
    [{ 'package.json': '{"license": "GPL-2.0"}' }, 'GPL-2.0-only'],
    // It means "no licence is granted", not The Unlicense.
    [{ 'package.json': '{"license": "UNLICENSED"}' }, 'LicenseRef-not-licensed'],
    [{ 'package.json': '{"license": "SEE LICENSE IN terms.txt"}' }, ''],
    [{ 'composer.json': '{"license": ["LGPL-2.1-or-later", "MIT"]}' }, 'LGPL-2.1-or-later OR MIT'],
    [{ 'Cargo.toml': '[package]\nname = "a"\nlicense = "MIT/Apache-2.0"\n' }, 'MIT OR Apache-2.0'],
    [{ 'Cargo.toml': '[workspace.package]\nlicense = "MPL-2.0"\n' }, 'MPL-2.0'],
    [{ 'pyproject.toml': '[project]\nlicense = {text = "BSD-2-Clause"}\n' }, 'BSD-2-Clause'],
    [{ 'pyproject.toml': '[project]\nclassifiers = ["License :: OSI Approved :: MIT License"]\n' }, 'MIT'],
    [{ 'a.gemspec': "Gem::Specification.new { |s| s.licenses = ['MIT', 'Ruby'] }\n" }, 'MIT OR Ruby'],
    [
      {
        'pom.xml':
          '<project><licenses><license><name>The Apache License, Version 2.0</name></license></licenses></project>',
      },
      'Apache-2.0',
    ],
    [
      {
        'pom.xml':
          '<project><licenses><license><name>Eclipse Public License - v 2.0</name></license></licenses></project>',
      },
      'EPL-2.0',
    ],
    [{ 'src/a.csproj': '<Project><PackageLicenseExpression>MIT</PackageLicenseExpression></Project>' }, 'MIT'],
    [{ 'a.nuspec': '<package><license type="expression">ISC</license></package>' }, 'ISC'],
    [{ 'package.json': '{"license": "my very own"}' }, ''],
    [{ 'package.json': '{"license": 7' }, ''],
  ]
  for (const [files, expected] of cases) assert.is(await expressionOf(files), expected, JSON.stringify(files))
})

test('licence files are known by their text, whatever its lines, names and case', async () => {
  const mit = textOf('MIT').replace('<year> <copyright holders>', '2019 Some Body and others')
  const rider =
    'As an exception, nothing above holds for whoever trains birds of prey: they may neither use nor sell copies, unless ' +
    'each falcon, hawk or eagle under their care has been asked in writing and answered within thirty days by post.'
  const wrapped = mit.replace(/\s+/g, ' ').replace(/(.{1,58}) /g, '$1\n')
  const isc =
    'Copyright (c) 2007, Some Body <me@example.org>\n\n' +
    textOf('ISC')
      .split('\n\n')
      .slice(2)
      .join('\n\n')
      .replace(/ISC DISCLAIMS/, 'THE AUTHOR DISCLAIMS')
      .replace(/SHALL ISC/, 'SHALL THE AUTHOR')
  const cases: [string, string, string][] = [
    ['LICENSE', mit, 'MIT'],
    ['licence.md', `# The licence\n\n${wrapped.toUpperCase()}`, 'MIT'],
    ['COPYING', textOf('GPL-3.0-only'), 'GPL-3.0-only'],
    ['COPYING.LESSER', textOf('LGPL-2.1-or-later'), 'LGPL-2.1-only'],
    ['LICENSE.txt', textOf('Apache-2.0').split('END OF TERMS AND CONDITIONS')[0] as string, 'Apache-2.0'],
    // The same text except one condition.
    ['LICENSE', isc, 'ISC'],
    ['LICENSE', textOf('0BSD'), '0BSD'],
    ['LICENSE', textOf('BSD-2-Clause'), 'BSD-2-Clause'],
    ['LICENSE', textOf('BSD-3-Clause'), 'BSD-3-Clause'],
    // MIT with an additional clause is not MIT.
    ['LICENSE', textOf('JSON'), 'JSON'],
    ['LICENSE', textOf('X11'), 'X11'],
    ['UNLICENSE', textOf('Unlicense'), 'Unlicense'],
    ['LICENSES/EUPL-1.2.txt', textOf('EUPL-1.2'), 'EUPL-1.2'],
    ['LICENSE', 'You may look at this on Tuesdays. '.repeat(20), ''],
    [
      'LICENSE',
      `${mit}

${rider}`,
      '',
    ],
    ['license-header.txt', textOf('MIT'), ''],
  ]
  for (const [path, text, expected] of cases) assert.is(await expressionOf({ [path]: text }), expected, path)
})

test('this repository says Apache-2.0', async () => {
  const licence = readFileSync(join(process.env['RETRACE_ROOT'] ?? process.cwd(), 'LICENSE'), 'utf8')
  assert.is(await expressionOf({ LICENSE: licence }), 'Apache-2.0')
})

test('several licences are a choice where their names offer one, and all hold otherwise', async () => {
  const [mit, apache] = [textOf('MIT'), textOf('Apache-2.0')]
  assert.is(await expressionOf({ 'LICENSE-APACHE': apache, 'LICENSE-MIT': mit }), 'Apache-2.0 OR MIT')
  assert.is(await expressionOf({ 'COPYING.txt': apache, LICENSE: mit }), 'Apache-2.0 AND MIT')
  const { snapshot } = await ground(
    writeRepository({ ...source, 'COPYING.txt': apache, LICENSE: mit, 'package.json': '{"license": "MIT"}' }),
  )
  assert.equal(snapshot.licence, {
    expression: 'MIT',
    evidence: [
      { path: 'package.json', expression: 'MIT', from: 'manifest' },
      { path: 'COPYING.txt', expression: 'Apache-2.0', from: 'text' },
      { path: 'LICENSE', expression: 'MIT', from: 'text' },
    ],
  })
})

test('a guess from a manifest gives way to the licence file', async () => {
  assert.is(await expressionOf({ 'package.json': '{"license": "BSD"}' }), 'BSD-2-Clause')
  assert.is(
    await expressionOf({ 'package.json': '{"license": "BSD"}', LICENSE: textOf('BSD-3-Clause') }),
    'BSD-3-Clause',
  )
})

test('an unknown licence at the root is not replaced by one of a part, and tests speak for themselves', async () => {
  const own = 'All of this belongs to the moon, and who takes a part of it gives back two. '.repeat(10)
  assert.is(
    await expressionOf({ LICENSE: own, 'lib/LICENSE': textOf('MIT'), 'lib/package.json': '{"license": "MIT"}' }),
    '',
  )
  assert.is(await expressionOf({ 'tests/package.json': '{"license": "MIT"}' }), '')
  assert.is(await expressionOf({ 'packages/package.json': '{"license": "MIT"}' }), 'MIT')
})

test('tags in the heads of most source files say the licence where nothing else does', async () => {
  const tagged = '# SPDX-License-Identifier: GPL-2.0-or-later\nx = 1\n'
  assert.is(
    await expressionOf({ 'b.py': tagged, 'c.py': '/* SPDX-License-Identifier: GPL-2.0+ */\n' }),
    'GPL-2.0-or-later',
  )
  assert.is(await expressionOf({ 'b.py': tagged, 'c.py': 'c = 1\n', 'd.py': 'd = 1\n' }), '')
})

async function refusal(files: Record<string, string>, allow: string[]): Promise<GroundingError | null> {
  try {
    const put = (): never => assert.unreachable('content was kept before the licence was judged') as never
    const counting = allow.length > 0 ? memoryBlobStore() : { put }
    await groundRepository(writeRepository({ ...source, ...files }), { licences: { allow } }, counting)
    return null
  } catch (error) {
    assert.instance(error, GroundingError)
    return error as GroundingError
  }
}

test('an allow-list takes what it satisfies and refuses the rest, the unknown among it', async () => {
  const manifest = (license: string): Record<string, string> => ({ 'package.json': JSON.stringify({ license }) })
  const allow = ['MIT', 'Apache-2.0']
  for (const taken of ['MIT', 'MIT OR GPL-3.0-only', 'MIT AND Apache-2.0', 'GPL-2.0-only OR (MIT AND Apache-2.0)']) {
    assert.is(await refusal(manifest(taken), allow), null, taken)
  }
  for (const refused of ['GPL-3.0-only', 'MIT AND GPL-3.0-only', 'UNLICENSED', '']) {
    assert.is((await refusal(manifest(refused), allow))?.code, 'LICENCE_NOT_ALLOWED', refused)
  }
  const error = await refusal({ ...manifest('GPL-3.0-only') }, allow)
  assert.match(
    error?.message ?? '',
    /has the licence GPL-3.0-only \(package.json says GPL-3.0-only\); allowed are MIT, Apache-2.0/,
  )
  assert.match((await refusal({}, allow))?.message ?? '', /no licence that can be read/)
})

test('a hostile expression is judged in time, and a wrong allow-list is a config error', async () => {
  const pairs = Array.from({ length: 12 }, (_, at) => (at % 2 === 0 ? '(MIT OR ISC)' : '(Zlib OR 0BSD)')).join(' AND ')
  assert.is(await refusal({ 'package.json': JSON.stringify({ license: pairs }) }, ['MIT', '0BSD']), null)
  assert.not(groundingOptionsSchema.safeParse({ licences: { allow: ['MIT or so'] } }).success)
  assert.not(groundingOptionsSchema.safeParse({ licences: { allow: [] } }).success)
})

test('of several licences in words, or of a denial, no one is guessed', () => {
  for (const said of ['GPL-3.0, MIT', 'GPL and MIT', 'Proprietary, not MIT', 'MIT & BSD', 'MIT; see LICENSE']) {
    assert.is(readLicence(said), null, said)
  }
  assert.equal(readLicence('GPLv2 or later')?.exact, false)
  assert.equal(readLicence('GNU Lesser General Public License, version 2.1')?.expression, 'LGPL-2.1-only')
})

test.run()
