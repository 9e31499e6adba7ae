import { execFileSync } from 'node:child_process'
import { dirname, join } from 'node:path'
import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { ground, writeRepository } from '../repository-fixture.js'

const test = suite('name of a bare clone')

const environment = {
  PATH: process.env['PATH'],
  HOME: '/nonexistent',
  GIT_CONFIG_NOSYSTEM: '1',
  GIT_AUTHOR_NAME: 'a',
  GIT_AUTHOR_EMAIL: 'a@b.c',
  GIT_COMMITTER_NAME: 'a',
  GIT_COMMITTER_EMAIL: 'a@b.c',
}

function git(folder: string, ...args: string[]): void {
  execFileSync('git', ['-c', 'init.defaultBranch=main', ...args], { cwd: folder, env: environment, stdio: 'pipe' })
}

/** A repository with these files, as a working tree and as a bare clone `<name>` beside it. */
function cloneOf(files: Record<string, string>, name: string): { tree: string; bare: string } {
  const tree = writeRepository({ 'a.py': 'a = 1\n', ...files }, 'work')
  git(tree, 'init', '-q')
  git(tree, 'add', '-A')
  git(tree, 'commit', '-q', '-m', 'one')
  const bare = join(dirname(tree), name)
  git(tree, 'clone', '-q', '--bare', '--no-hardlinks', '.', bare)
  return { tree, bare }
}

const readme = '# Fast Parser\n\nReads fast.\n'
const manifest = '[project]\nname = "fastparse"\n'

test('it is the name in a manifest', async () => {
  const { bare } = cloneOf({ 'README.md': readme, 'pyproject.toml': manifest }, 'tmp.git')
  const { snapshot } = await ground(bare)
  assert.is(snapshot.name, 'fastparse')
  assert.match(snapshot.id, /^fastparse-[0-9a-f]{8}$/)
})

test('else the title of the README, whatever the folder is called', async () => {
  for (const name of ['tmp.git', 'mirror']) {
    const { snapshot } = await ground(cloneOf({ 'README.md': readme }, name).bare)
    assert.is(snapshot.name, 'Fast Parser', name)
    assert.match(snapshot.id, /^fast-parser-[0-9a-f]{8}$/)
  }
})

test('else the name of the folder without .git', async () => {
  const { snapshot } = await ground(cloneOf({ 'README.md': 'Words without a title.\n' }, 'parser.git').bare)
  assert.is(snapshot.name, 'parser')
})

test('a working tree keeps the name of its folder, since people named it', async () => {
  const { snapshot } = await ground(cloneOf({ 'README.md': readme }, 'tmp.git').tree)
  assert.is(snapshot.name, 'work')
  assert.is(snapshot.about.title, 'Fast Parser')
})

test.run()
