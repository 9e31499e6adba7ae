import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { memoryBlobStore } from '../../src/core/index.js'
import { textPurpose } from '../../src/generation/narrator/file-names.js'
import { writeApproach, writePurpose, writeRequirements } from '../../src/generation/narrator/overview.js'
import { groundingOptionsSchema, groundRepository } from '../../src/grounding/index.js'
import type { RepositorySnapshot } from '../../src/records/index.js'
import { writeRepository } from '../support.js'

const test = suite('overview')
const ground = (files: Record<string, string>): Promise<RepositorySnapshot> =>
  groundRepository(writeRepository(files), groundingOptionsSchema.parse({}), memoryBlobStore())

const web = await ground({
  'setup.cfg': '[metadata]\nname = web\n',
  'README.md': '# Web v2.1.0 - a small server\n\nServes pages to many people.\n',
  'LICENSE.txt': 'Copyright 2017 by somebody\n\nSome words about it.\n',
  'requirements.txt': '# one\namqp==5.1.1\n',
  'docs/conf.py': "project = 'Web'\ncopyright = '2017'\nauthor = 'A'\n",
  'src/web/__init__.py': 'from .app import App\nfrom .tools import *\nLEVEL = 3\n',
  'src/web/app.py':
    'import json\nimport _thread\nimport jinja2\n_cache = {}\nKIND = 1\nclass App:\n    pass\n\ndef _hidden():\n    pass\n',
  'src/web/tools.py': 'import abc\nimport click\nimport jinja2\ndef serve(port):\n    return port\n',
  'src/web/deep/more.py': 'import zipfile\ndef inner():\n    return 1\n',
  'run.py': 'def go():\n    return 1\n',
})

test('the entry says what users find: what it declares and passes on, but no values beside them', () => {
  assert.match(writeRequirements(web), /Its users should find `App` and `serve`\./)
})

test('a package entry of CommonJS gives what it requires as a whole', async () => {
  const files = {
    'index.js': "const add = require('./add')\nconst re = require('./re')\nmodule.exports = { add, re: re.x }\n",
    'add.js': 'const add = (a, b) => a + b\nmodule.exports = add\n',
    're.js': 'exports.x = function (a) { return a }\nexports.y = function (b) { return b }\n',
  }
  assert.match(writeRequirements(await ground(files)), /Its users should find `add`\./)
})

test('packages of others come before the standard library, the most used first', () => {
  assert.match(writeRequirements(web), /It may use jinja2, click, abc, json and zipfile\./)
})

test('the parts name the root and count a folder once', () => {
  assert.match(writeRequirements(web), /The code lies in src\/web, docs and the root folder\./)
})

test('a title loses its version and its slogan, and gives way to the name it does not hold', async () => {
  assert.match(writeRequirements(web), /^Build Web in Python\./)
  const other = await ground({
    'package.json': '{ "name": "tiny-thing" }',
    'README.md': '# Hello there\n',
    'a.js': 'let a\n',
  })
  assert.match(writeRequirements(other), /^Build tiny-thing in JavaScript\./)
})

test('the approach counts one file as one and names only texts that are there', async () => {
  const oneFile = await ground({ 'a.py': 'def a():\n    return 1\n', 'NOTES.md': '# Notes\n' })
  assert.is(writeApproach(oneFile), 'I write the one source file. Its documents come last, one file in all.')
  assert.match(writeApproach(web), /The project's own settings come first and its documents last, four files in all\./)
  const bare = await ground({ 'a.py': 'def a():\n    return 1\n', 'py.typed': '' })
  assert.match(writeApproach(bare), /Its other texts come last, one file in all\.$/)
})

test('a language without a name in prose is called by its id, with a capital', () => {
  const files = web.files.map((file) =>
    file.language === 'python' ? Object.assign({ ...file }, { language: 'zig' }) : file,
  )
  assert.match(writeRequirements({ ...web, files }), /^Build Web in Zig\./)
})

test('a purpose names what can be called before constants and private names', () => {
  assert.is(writePurpose(web, 'src/web/app.py'), 'App, KIND, _hidden and one more')
})

test('the plan tells licences, requirements and texts of other kinds by their names', () => {
  assert.is(writePurpose(web, 'LICENSE.txt'), 'the licence')
  assert.is(writePurpose(web, 'requirements.txt'), 'settings')
  assert.is(textPurpose('CHANGES.md'), 'what changed from version to version')
  assert.is(textPurpose('site/a.html'), 'a page')
  assert.is(textPurpose('site/a.scss'), 'styles')
  assert.is(textPurpose('logo.svg'), 'a picture')
})

test('a default export is called so, and a test is told by what it checks', async () => {
  const snapshot = await ground({
    'a.ts': 'export default function (x: number): number {\n  return x\n}\n',
    'test/a.test.ts': "import a from '../a.js'\ntest('adds two numbers', () => {\n  a(1)\n})\n",
  })
  assert.is(writePurpose(snapshot, 'a.ts'), 'a default export')
  assert.is(writePurpose(snapshot, 'test/a.test.ts'), 'checks `adds two numbers`')
})

test.run()
