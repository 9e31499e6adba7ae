import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, existsSync, mkdirSync, readdirSync, renameSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { deflateSync } from 'node:zlib'
import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { memoryBlobStore, silentProgress } from '../../../src/core/index.js'
import { GroundingError, groundRepository, splitRevision } from '../../../src/grounding/index.js'
import { snapshotSchema, type RepositorySnapshot } from '../../../src/records/index.js'
import { writeRepository } from '../repository-fixture.js'

const test = suite('git')

/** Runs git with an identity and no configuration of this machine. */
function git(folder: string, ...args: string[]): string {
  const env = {
    PATH: process.env['PATH'],
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    ...Object.fromEntries(
      ['AUTHOR', 'COMMITTER'].flatMap((who) => [
        [`GIT_${who}_NAME`, 'a'],
        [`GIT_${who}_EMAIL`, 'a@b.c'],
        [`GIT_${who}_DATE`, '2020-01-01T00:00:00Z'],
      ]),
    ),
  }
  return execFileSync('git', ['-c', 'init.defaultBranch=main', ...args], {
    cwd: folder,
    env,
    encoding: 'utf8',
    stdio: 'pipe',
  }).trim()
}

function commitAll(folder: string, format = 'sha1'): string {
  git(folder, 'init', '-q', `--object-format=${format}`)
  git(folder, 'add', '-A')
  git(folder, 'commit', '-q', '-m', 'one')
  return git(folder, 'rev-parse', 'HEAD')
}

interface Read {
  snapshot: RepositorySnapshot
  notes: string[]
  text: (path: string) => string
}

async function read(input: string, options = {}): Promise<Read> {
  const blobs = memoryBlobStore()
  const notes: string[] = []
  const progress = { ...silentProgress, note: (line: string) => void notes.push(line) }
  const snapshot = snapshotSchema.parse(await groundRepository(input, options, blobs, { progress }))
  const text = (path: string): string =>
    Buffer.from(blobs.get(snapshot.files.find((file) => file.path === path)?.blob ?? '')).toString('utf8')
  return { snapshot, notes, text }
}

async function failure(input: string, options = {}): Promise<GroundingError> {
  try {
    await read(input, options)
  } catch (error) {
    assert.instance(error, GroundingError)
    return error as GroundingError
  }
  return assert.unreachable(`${input} was grounded`) as never
}

const pathsOf = ({ files }: RepositorySnapshot): string[] => files.map((file) => file.path)

test('the commit is read, not what lies changed and untracked in the working tree', async () => {
  const folder = writeRepository({ 'a.py': 'a = 1\n', 'sub/b.py': 'b = 1\n' }, 'sample')
  const commit = commitAll(folder)
  writeFileSync(join(folder, 'a.py'), 'a = 2\n')
  writeFileSync(join(folder, 'new.py'), 'n = 1\n')
  const { snapshot, text, notes } = await read(folder)
  assert.equal(snapshot.source.kind, 'git')
  assert.is(snapshot.source.commit, commit)
  assert.is(snapshot.name, 'sample')
  assert.equal(pathsOf(snapshot), ['a.py', 'sub/b.py'])
  assert.is(text('a.py'), 'a = 1\n')
  assert.equal(notes, [])
  const tree = await read(folder, { git: 'worktree' })
  assert.is(tree.snapshot.source.commit, null)
  assert.equal(pathsOf(tree.snapshot), ['a.py', 'new.py', 'sub/b.py'])
  assert.is(tree.text('a.py'), 'a = 2\n')
})

test('bare repositories, packed and of either hash, give the same content as their working tree', async () => {
  for (const format of ['sha1', 'sha256']) {
    const folder = writeRepository({ 'a.py': 'import sub.b\n', 'sub/b.py': 'b = 1\n', 'sub/é.py': 'e = 1\n' })
    const commit = commitAll(folder, format)
    assert.is(commit.length, format === 'sha1' ? 40 : 64)
    const bare = join(dirname(folder), 'thing.git')
    git(dirname(folder), 'clone', '-q', '--bare', '--no-local', folder, bare)
    git(bare, 'gc', '-q')
    const { snapshot } = await read(bare)
    assert.is(snapshot.source.commit, commit)
    assert.is(snapshot.name, 'thing')
    assert.is(snapshot.source.digest, (await read(folder)).snapshot.source.digest)
    assert.equal(pathsOf(snapshot), ['a.py', 'sub/b.py', 'sub/é.py'])
  }
})

test('a revision names a branch, a tag, an id or steps back from one', async () => {
  const folder = writeRepository({ 'a.py': 'a = 1\n' })
  const first = commitAll(folder)
  git(folder, 'tag', '-a', 'v1@x', '-m', 'annotated')
  git(folder, 'branch', 'topic/one')
  writeFileSync(join(folder, 'a.py'), 'a = 2\n')
  git(folder, 'commit', '-q', '-am', 'two')
  git(folder, 'pack-refs', '--all')
  for (const revision of ['v1@x', 'topic/one', first, first.slice(0, 8), 'HEAD~1', 'main^', 'refs/heads/topic/one']) {
    const { snapshot, text } = await read(`${folder}@${revision}`)
    assert.is(snapshot.source.commit, first, revision)
    assert.is(text('a.py'), 'a = 1\n')
  }
  for (const revision of ['nope', '--all', 'HEAD@{1}', '../../a.py', 'v1@x:a.py', `${first}^{tree}`]) {
    const error = await failure(`${folder}@${revision}`)
    assert.is(error.code, 'GIT_UNREADABLE', revision)
    assert.match(error.message, /has no commit .* Give a branch/)
  }
  assert.equal(splitRevision(`${folder}@v1@x`), { path: folder, revision: 'v1@x' })
})

test('a path with @ in it that is there is a path', async () => {
  const folder = writeRepository({ 'a.py': 'a = 1\n' }, 'thing@2')
  assert.equal(pathsOf((await read(folder)).snapshot), ['a.py'])
  assert.is((await failure(`${folder}@main`)).code, 'GIT_UNREADABLE')
})

test('links and submodules are listed and not followed', async () => {
  const folder = writeRepository({ 'a.py': 'a = 1\n' })
  symlinkSync('/etc/passwd', join(folder, 'link.py'))
  commitAll(folder)
  git(folder, 'update-index', '--add', '--cacheinfo', `160000,${'1'.repeat(40)},modules/x`)
  git(folder, 'commit', '-q', '-m', 'two')
  const { snapshot } = await read(folder)
  assert.equal(snapshot.skipped, [
    { path: 'link.py', reason: 'symlink', detail: 'a link' },
    { path: 'modules/x', reason: 'not-a-file', detail: `a submodule, at commit ${'1'.repeat(40)}` },
  ])
})

test('nothing that a repository configures is run, and nothing is fetched', async () => {
  const folder = writeRepository({ 'a.py': 'a = 1\n', '.gitattributes': '*.py filter=evil diff=evil\n' })
  commitAll(folder)
  const mark = join(dirname(folder), 'was-run')
  const canary = join(dirname(folder), 'canary.sh')
  writeFileSync(canary, `#!/bin/sh\ntouch '${mark}'\ncat\n`)
  chmodSync(canary, 0o755)
  const hooks = join(folder, '.git', 'hooks')
  for (const name of ['post-checkout', 'reference-transaction', 'post-index-change', 'fsmonitor-watchman']) {
    symlinkSync(canary, join(hooks, name))
  }
  const included = join(folder, '.git', 'more')
  writeFileSync(included, `[core]\n\tpager = ${canary}\n\talternateRefsCommand = ${canary}\n`)
  const config = [
    '[core]',
    `\tfsmonitor = ${canary}`,
    `\tsshCommand = ${canary}`,
    `\tgitProxy = ${canary}`,
    `\taskPass = ${canary}`,
    `\thooksPath = ${hooks}`,
    `\tworktree = /`,
    `[filter "evil"]\n\tsmudge = ${canary}\n\tclean = ${canary}\n\tprocess = ${canary}\n\trequired = true`,
    `[diff "evil"]\n\ttextconv = ${canary}\n\tcommand = ${canary}`,
    `[alias]\n\tls-tree = !${canary}\n\tcat-file = !${canary}`,
    `[include]\n\tpath = ${included}`,
    `[remote "origin"]\n\turl = ext::${canary}\n\tpromisor = true\n\tpartialclonefilter = blob:none\n\tuploadpack = ${canary}`,
    '[extensions]\n\tpartialClone = origin\n\tworktreeConfig = true',
    `[protocol "ext"]\n\tallow = always`,
    `[credential]\n\thelper = !${canary}`,
  ]
  writeFileSync(join(folder, '.git', 'config'), config.join('\n') + '\n')
  // A partial clone would fetch a missing object through the remote's program.
  const blob = git(folder, '--git-dir', '/nonexistent', 'hash-object', 'a.py')
  renameSync(join(folder, '.git', 'objects', blob.slice(0, 2), blob.slice(2)), join(dirname(folder), 'taken'))
  const { snapshot } = await read(folder)
  assert.equal(pathsOf(snapshot), ['.gitattributes'])
  assert.is(snapshot.skipped[0]?.reason, 'unreadable')
  assert.not(existsSync(mark), 'a program that the repository names was run')
  // The canary works: git runs it where it reads the configuration.
  try {
    git(folder, 'status')
  } catch {
    // How it ends does not matter.
  }
  assert.ok(existsSync(mark), 'the test cannot see a program that is run')
  // The configuration is not even read: git would stop at this one.
  writeFileSync(join(folder, '.git', 'config'), '[core]\n\trepositoryformatversion = 77\n[broken\n')
  assert.throws(() => git(folder, 'rev-parse', 'HEAD'))
  assert.equal(pathsOf((await read(folder)).snapshot), ['.gitattributes'])
})

test('a .git that leads elsewhere, or borrows objects, is not followed', async () => {
  const secret = writeRepository({ 'secret.py': 'password = 1\n' })
  commitAll(secret)
  const make = (prepare: (folder: string) => void): string => {
    const folder = writeRepository({ 'a.py': 'a = 1\n' })
    prepare(folder)
    return folder
  }
  const cases: Record<string, string> = {
    'leads out': make((folder) => writeFileSync(join(folder, '.git'), `gitdir: ${join(secret, '.git')}\n`)),
    'is a link': make((folder) => symlinkSync(join(secret, '.git'), join(folder, '.git'))),
    alternates: make((folder) => {
      commitAll(folder)
      writeFileSync(join(folder, '.git', 'objects', 'info', 'alternates'), `${join(secret, '.git', 'objects')}\n`)
    }),
    'objects is a link': make((folder) => {
      commitAll(folder)
      renameSync(join(folder, '.git', 'objects'), join(dirname(folder), 'objects'))
      symlinkSync(join(secret, '.git', 'objects'), join(folder, '.git', 'objects'))
    }),
    commondir: make((folder) => {
      commitAll(folder)
      writeFileSync(join(folder, '.git', 'commondir'), `${join(secret, '.git')}\n`)
    }),
    'no commit yet': make((folder) => git(folder, 'init', '-q')),
  }
  for (const [why, folder] of Object.entries(cases)) {
    const { snapshot, notes } = await read(folder)
    assert.equal(pathsOf(snapshot), ['a.py'], why)
    assert.is(snapshot.source.commit, null)
    assert.is(notes.length, 1, why)
    assert.match(notes[0] ?? '', why)
    assert.match(notes[0] ?? '', /read as a plain folder, without a commit/)
  }
})

test('a ref that is a link, or names a path outside, is no revision', async () => {
  const folder = writeRepository({ 'a.py': 'a = 1\n' })
  const commit = commitAll(folder)
  writeFileSync(join(dirname(folder), 'outside'), commit)
  symlinkSync(join(dirname(folder), 'outside'), join(folder, '.git', 'refs', 'heads', 'linked'))
  assert.is((await failure(`${folder}@linked`)).code, 'GIT_UNREADABLE')
  writeFileSync(join(folder, '.git', 'HEAD'), 'ref: refs/heads/../../../../outside\n')
  const { snapshot } = await read(folder)
  assert.is(snapshot.source.commit, null)
})

test('a tree with names that lead out is read without them', async () => {
  const folder = writeRepository({ 'a.py': 'a = 1\n' })
  commitAll(folder)
  const blob = git(folder, 'rev-parse', 'HEAD:a.py')
  const entry = (mode: string, name: string, id: string): Buffer =>
    Buffer.concat([Buffer.from(`${mode} ${name}\0`), Buffer.from(id, 'hex')])
  const writeTree = (entries: Buffer[]): string =>
    execFileSync('git', ['hash-object', '-t', 'tree', '-w', '--stdin', '--literally'], {
      cwd: folder,
      input: Buffer.concat(entries),
      encoding: 'utf8',
    }).trim()
  const inner = writeTree([entry('100644', 'evil.py', blob)])
  const tree = writeTree([
    entry('40000', '..', inner),
    entry('100644', 'a.py', blob),
    entry('100644', 'b\\c.py', blob),
    entry('40000', 'a.py', inner),
  ])
  git(folder, 'update-ref', 'refs/heads/main', git(folder, 'commit-tree', tree, '-m', 'bad'))
  // `a.py` is a file and a folder: the file is left out.
  const { snapshot } = await read(folder)
  assert.equal(pathsOf(snapshot), ['a.py/evil.py'])
  assert.equal(
    snapshot.skipped.map(({ path, reason }) => [path, reason]),
    [
      ['../evil.py', 'unsupported'],
      ['b\\c.py', 'unsupported'],
    ],
  )
})

test('the bounds hold: entries, sizes, and no folder of ours is left behind', async () => {
  const folder = writeRepository({
    ...Object.fromEntries(Array.from({ length: 20 }, (_, at) => [`f${String(at).padStart(2, '0')}.py`, `x = ${at}\n`])),
    'large.py': 'x = 1\n'.repeat(1_000),
    'node_modules/a/index.js': 'x\n',
  })
  commitAll(folder)
  const before = readdirSync(tmpdir()).filter((name) => name.startsWith('retrace-git-')).length
  const { snapshot } = await read(folder, { maxEntries: 10, maxFileSizeBytes: 5_000 })
  assert.is(snapshot.files.length, 10)
  assert.ok(snapshot.skipped.some(({ reason, detail }) => reason === 'too-many-files' && detail.includes('maxEntries')))
  const all = await read(folder, { maxFileSizeBytes: 5_000, maxTotalBytes: 30 })
  assert.equal(pathsOf(all.snapshot), ['f00.py', 'f01.py', 'f02.py', 'f03.py', 'f04.py'])
  assert.is(all.snapshot.skipped.find(({ path }) => path === 'large.py')?.reason, 'oversized')
  assert.is(all.snapshot.skipped.find(({ path }) => path === 'node_modules/a')?.reason ?? 'vendored', 'vendored')
  assert.is(readdirSync(tmpdir()).filter((name) => name.startsWith('retrace-git-')).length, before)
})

test('without git on the machine a working tree is a plain folder, and a bare repository is refused in one line', async () => {
  const folder = writeRepository({ 'a.py': 'a = 1\n' })
  commitAll(folder)
  const bare = join(dirname(folder), 'bare.git')
  git(dirname(folder), 'clone', '-q', '--bare', folder, bare)
  const empty = join(dirname(folder), 'bin')
  mkdirSync(empty)
  const path = process.env['PATH']
  process.env['PATH'] = empty
  try {
    const { snapshot, notes } = await read(folder)
    assert.is(snapshot.source.commit, null)
    assert.match(notes.join(), /there is no git on this machine/)
    const error = await failure(bare)
    assert.is(error.code, 'GIT_UNREADABLE')
    assert.match(error.message, new RegExp(`${basename(bare)} cannot be read as a git repository: there is no git`))
    assert.not.match(error.message, /\n/)
  } finally {
    process.env['PATH'] = path
  }
})

/** Puts an object into a repository without git's checks. */
function putObject(folder: string, kind: string, content: Uint8Array): string {
  const whole = Buffer.concat([Buffer.from(`${kind} ${content.length}\0`), content])
  const id = createHash('sha1').update(whole).digest('hex')
  mkdirSync(join(folder, '.git', 'objects', id.slice(0, 2)), { recursive: true })
  writeFileSync(join(folder, '.git', 'objects', id.slice(0, 2), id.slice(2)), deflateSync(whole, { level: 1 }))
  return id
}

const commitOf = (tree: string, text: string): Buffer =>
  Buffer.from(`tree ${tree}\nauthor a <a@b.c> 0 +0000\ncommitter a <a@b.c> 0 +0000\n\n${text}`)

test('a tree that holds an empty tree ten thousand million times is cut at the bound', async () => {
  const folder = writeRepository({})
  git(folder, 'init', '-q')
  let tree = putObject(folder, 'tree', Buffer.alloc(0))
  for (let level = 0; level < 10; level++) {
    const entries = Array.from({ length: 10 }, (_, at) => [Buffer.from(`40000 d${at}\0`), Buffer.from(tree, 'hex')])
    tree = putObject(folder, 'tree', Buffer.concat(entries.flat()))
  }
  const commit = putObject(folder, 'commit', commitOf(tree, 'x'))
  const error = await failure(`${folder}@${commit}`, { maxEntries: 1_000 })
  assert.is(error.code, 'REPOSITORY_EMPTY')
  assert.match(error.message, /too-many-files/)
})

test('a commit that unpacks to more than git may take is no commit', async () => {
  const folder = writeRepository({})
  git(folder, 'init', '-q')
  const blob = putObject(folder, 'blob', Buffer.from('int a;\n'))
  const tree = putObject(folder, 'tree', Buffer.concat([Buffer.from('100644 a.c\0'), Buffer.from(blob, 'hex')]))
  const commit = putObject(folder, 'commit', commitOf(tree, 'a'.repeat(300 * 1024 * 1024)))
  assert.is((await failure(`${folder}@${commit}`)).code, 'GIT_UNREADABLE')
})

test('an object that is a pipe is not waited for', async () => {
  const folder = writeRepository({ 'a.c': 'int a;\n' })
  const commit = commitAll(folder)
  const object = join(folder, '.git', 'objects', commit.slice(0, 2), commit.slice(2))
  renameSync(object, join(folder, 'old'))
  execFileSync('mkfifo', [object])
  const { snapshot, notes } = await read(folder)
  assert.is(snapshot.source.kind, 'folder')
  assert.match(notes.join(), /links or pipes/)
})

try {
  execFileSync('git', ['--version'], { stdio: 'ignore' })
  test.run()
} catch {
  console.log('skipped: there is no git on this machine')
}
