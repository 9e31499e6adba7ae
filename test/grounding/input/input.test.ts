import { execFileSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { chmodSync, readFileSync, symlinkSync, truncateSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { create, Header } from 'tar'
import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { memoryBlobStore } from '../../../src/core/index.js'
import {
  GroundingError,
  groundRepository,
  groundingOptionsSchema,
  type GroundingErrorCode,
} from '../../../src/grounding/index.js'
import { ground, skippedAs, writeRepository } from '../repository-fixture.js'

const test = suite('input')

async function failure(path: string, options = {}, signal?: AbortSignal): Promise<GroundingError> {
  try {
    await groundRepository(path, options, memoryBlobStore(), signal === undefined ? {} : { signal })
  } catch (error) {
    assert.instance(error, GroundingError)
    return error as GroundingError
  }
  return assert.unreachable(`${path} was grounded`) as never
}

async function assertFails(path: string, code: GroundingErrorCode, says: RegExp): Promise<void> {
  const error = await failure(path)
  assert.is(error.code, code)
  assert.match(error.message, says)
  assert.not.match(error.message, /\n/)
  // The last sentence tells what to do next.
  assert.match(error.message, /\. (Give|Pack|Check|Raise|The archive is refused; pack) ?.*\.$/)
}

interface Entry {
  path: string
  content?: string
  type?: 'File' | 'Directory' | 'SymbolicLink' | 'GlobalExtendedHeader' | 'Link' | 'CharacterDevice' | 'FIFO'
  linkpath?: string
}

/** A `.tar.gz` with exactly these entries, also those that no packer would write. */
function writeArchive(entries: readonly Entry[], name = 'sample.tar.gz'): string {
  const blocks = entries.flatMap(({ path, content = '', type = 'File', linkpath = '' }) => {
    const body = Buffer.from(content)
    const header = new Header({ path, size: body.length, type, linkpath, mode: 0o644, mtime: new Date(0) })
    header.encode()
    return [header.block as Buffer, body, Buffer.alloc((512 - (body.length % 512)) % 512)]
  })
  return join(writeRepository({ [name]: gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)])) }), name)
}

test('a path that does not exist, or is a link that loops, is told as such', async () => {
  const folder = writeRepository({})
  await assertFails(join(folder, 'nothing'), 'INPUT_NOT_FOUND', /does not exist/)
  symlinkSync('loop', join(folder, 'loop'))
  await assertFails(join(folder, 'loop'), 'INPUT_NOT_FOUND', /link that loops/)
})

test('an empty folder and one with nothing left say so, with counts', async () => {
  await assertFails(writeRepository({}), 'REPOSITORY_EMPTY', /holds no files/)
  const folder = writeRepository({
    'a.png': Uint8Array.of(1),
    'b.py': Uint8Array.of(0x78, 0),
    'node_modules/c/c.js': 'x',
  })
  await assertFails(folder, 'REPOSITORY_EMPTY', /all 3 entries were skipped \(2 binary, 1 vendored\)/)
})

test('random bytes, damaged archives and plain files are refused by what they are', async () => {
  const noise = randomBytes(5_000)
  // Random bytes that are never gzip data.
  noise[0] = 0
  const whole = gzipSync(Buffer.concat([Buffer.alloc(512), Buffer.from('x')]))
  const folder = writeRepository({
    plain: noise,
    'notes.txt': 'text\n',
    'noise.tar.gz': noise,
    'no-tar.tgz': gzipSync(randomBytes(4_096)),
    'cut.tgz': whole.subarray(0, whole.length - 6),
  })
  await assertFails(join(folder, 'plain'), 'INPUT_UNSUPPORTED', /no gzip archive/)
  await assertFails(join(folder, 'notes.txt'), 'INPUT_UNSUPPORTED', /no gzip archive/)
  await assertFails(join(folder, 'noise.tar.gz'), 'ARCHIVE_INVALID', /holds no gzip data/)
  await assertFails(join(folder, 'no-tar.tgz'), 'ARCHIVE_INVALID', /no readable \.tar\.gz/)
  await assertFails(join(folder, 'cut.tgz'), 'ARCHIVE_INVALID', /no readable \.tar\.gz/)
})

test('an archive with a path out of its folder is refused as a whole', async () => {
  const good = { path: 'p/a.py', content: 'x = 1\n' }
  await assertFails(
    writeArchive([good, { path: 'p/../../evil.py', content: 'y = 1\n' }]),
    'ARCHIVE_UNSAFE',
    /out of its folder/,
  )
  await assertFails(
    writeArchive([good, { path: '/etc/evil.py', content: 'y = 1\n' }]),
    'ARCHIVE_UNSAFE',
    /absolute path/,
  )
  await assertFails(
    writeArchive([good, { path: 'C:\\evil.py', content: 'y = 1\n' }]),
    'ARCHIVE_UNSAFE',
    /absolute path/,
  )
  await assertFails(
    writeArchive([good, { path: 'p/a.py/b.py', content: 'y = 1\n' }]),
    'ARCHIVE_INVALID',
    /both as a file and as a folder/,
  )
})

test('links, devices and pipes in an archive are never followed', async () => {
  const { snapshot } = await ground(
    writeArchive([
      { path: 'p/a.py', content: 'x = 1\n' },
      { path: 'p/out', type: 'SymbolicLink', linkpath: '/etc/passwd' },
      { path: 'p/up', type: 'SymbolicLink', linkpath: '../../secret' },
      { path: 'p/self', type: 'SymbolicLink', linkpath: '.' },
      { path: 'p/hard', type: 'Link', linkpath: 'p/a.py' },
      { path: 'p/device', type: 'CharacterDevice' },
      { path: 'p/pipe', type: 'FIFO' },
    ]),
  )
  assert.equal(
    snapshot.files.map((file) => file.path),
    ['a.py'],
  )
  assert.equal(Object.fromEntries(snapshot.skipped.map((file) => [file.path, file.detail])), {
    device: 'an entry of type CharacterDevice',
    hard: 'a hard link to p/a.py',
    out: 'a link that leads out of the root',
    pipe: 'an entry of type FIFO',
    self: 'a link that loops',
    up: 'a link that leads out of the root',
  })
})

test('an archive that unpacks to more than the bound is refused, and large entries are passed over', async () => {
  const big = { path: 'p/big.txt', content: 'a\n'.repeat(100_000) }
  const archive = writeArchive([{ path: 'p/a.py', content: 'x = 1\n' }, big])
  const { snapshot } = await ground(archive)
  assert.equal(skippedAs(snapshot), { 'big.txt': 'oversized' })
  const error = await failure(archive, { maxArchiveBytes: 100_000 })
  assert.is(error.code, 'ARCHIVE_TOO_LARGE')
})

test('an archive gives the snapshot of its folder', async () => {
  const folder = writeRepository({
    'package.json': '{ "name": "@scope/thing", "description": "A thing." }',
    'src/a.ts': "import './b.js'\n",
    'src/b.ts': 'export const b = 1\n',
    'src/b.js': 'exports.b = 1\n',
    'deep/node_modules/x/index.js': 'x\n',
    'image.png': Uint8Array.of(1, 2),
    'README.md': '# Thing\n',
  })
  const archive = `${folder}.tgz`
  await create({ gzip: true, file: archive, cwd: dirname(folder) }, ['sample'])
  const fromFolder = (await ground(folder)).snapshot
  const fromArchive = (await ground(archive)).snapshot
  assert.is(fromFolder.name, '@scope/thing')
  assert.match(fromFolder.id, /^scope-thing-[0-9a-f]{8}$/)
  assert.equal({ ...fromArchive, source: { ...fromArchive.source, kind: 'folder' } }, fromFolder)
})

test('a repository without a manifest is named by its folder or archive, without the version', async () => {
  const { snapshot } = await ground(writeRepository({ 'a.py': '' }, 'lib'))
  assert.match(snapshot.name, /^\d+-lib$/)
  assert.is((await ground(writeArchive([{ path: 'tool-1.2.3/a.py' }], 'x.tar.gz'))).snapshot.name, 'tool')
  assert.is((await ground(writeArchive([{ path: 'package/a.py' }], 'left-pad-1.0.0.tgz'))).snapshot.name, 'left-pad')
})

test('links in a folder are skipped, and it is said where they lead', async () => {
  const folder = writeRepository({ 'a.py': 'x = 1\n', 'sub/b.py': 'y = 1\n' })
  symlinkSync('.', join(folder, 'sub', 'here'))
  symlinkSync('..', join(folder, 'sub', 'up'))
  symlinkSync('two', join(folder, 'one'))
  symlinkSync('one', join(folder, 'two'))
  symlinkSync('/etc/hostname', join(folder, 'out.txt'))
  symlinkSync('a.py', join(folder, 'alias.py'))
  symlinkSync('gone', join(folder, 'dangling'))
  const { snapshot } = await ground(folder)
  assert.equal(
    snapshot.files.map((file) => file.path),
    ['a.py', 'sub/b.py'],
  )
  const details = Object.fromEntries(snapshot.skipped.map((file) => [file.path, `${file.reason}: ${file.detail}`]))
  const loops = 'symlink: a link that loops: it leads to a folder that holds it'
  assert.equal(details, {
    'alias.py': 'symlink: a link to a.py',
    dangling: 'symlink: a link that leads nowhere',
    one: 'symlink: a link that loops',
    'out.txt': 'symlink: a link that leads out of the root',
    'sub/here': loops,
    'sub/up': loops,
    two: 'symlink: a link that loops',
  })
})

test('a 200 MB file is skipped by its size and not read', async () => {
  const folder = writeRepository({ 'a.py': 'x = 1\n', 'data.csv': '' })
  // Sparse: it needs no space on the disk, but reading it would give 200 MB.
  truncateSync(join(folder, 'data.csv'), 200 * 1024 * 1024)
  const before = process.memoryUsage().arrayBuffers
  const { snapshot } = await ground(folder)
  assert.ok(process.memoryUsage().arrayBuffers - before < 20 * 1024 * 1024)
  const [skipped] = snapshot.skipped
  assert.is(skipped?.reason, 'oversized')
  assert.match(skipped?.detail ?? '', /209715200 bytes, over the bound of 65536 bytes \(maxTextSizeBytes\)/)
})

test('what an archive unpacks to is counted to its last byte, also behind the end of its entries', async () => {
  const whole = writeArchive([{ path: 'p/a.py', content: 'x = 1\n' }])
  const zeros = gzipSync(Buffer.concat([gunzipSync(readFileSync(whole)), Buffer.alloc(300_000)]))
  const padded = join(writeRepository({ 'padded.tgz': zeros }), 'padded.tgz')
  assert.is((await failure(padded, { maxArchiveBytes: 100_000 })).code, 'ARCHIVE_TOO_LARGE')
  assert.is((await ground(padded)).snapshot.files.length, 1)
})

test('folders, links and metadata of an archive count as entries', async () => {
  const names = Array.from({ length: 30 }, (_, at) => `p/${at}`)
  const file = { path: 'p/a.py', content: 'x = 1\n' }
  const folders = writeArchive([file, ...names.map((path) => ({ path: `${path}/`, type: 'Directory' as const }))])
  const links = writeArchive([
    file,
    ...names.map((path) => ({ path, type: 'SymbolicLink' as const, linkpath: 'a.py' })),
  ])
  const metadata = writeArchive([
    ...names.map(() => ({ path: 'PaxHeader', type: 'GlobalExtendedHeader' as const, content: '14 comment=ab\n' })),
    file,
  ])
  for (const archive of [folders, links, metadata]) {
    assert.is((await failure(archive, { maxEntries: 20 })).code, 'ARCHIVE_TOO_LARGE')
    assert.is((await ground(archive, { maxEntries: 31 })).snapshot.files.length, 1)
  }
})

test('an archive that is packed twice is refused', async () => {
  const twice = gzipSync(readFileSync(writeArchive([{ path: 'p/a.py' }])))
  await assertFails(join(writeRepository({ 'twice.tgz': twice }), 'twice.tgz'), 'ARCHIVE_INVALID', /packed twice/)
})

test('every reason to skip is given where it holds', async () => {
  const folder = writeRepository({
    'keep.ts': 'export const a = 1\n',
    'latin.py': Uint8Array.of(0x78, 0xe9, 0x0a),
    'nul.txt': 'a\0b',
    'package-lock.json': '{}',
    'a.min.js': 'x',
    'a.js.map': '{}',
    'made.py': '# Generated by the protocol buffer compiler.  DO NOT EDIT!\n',
    'marks.ts': "const pattern = 'DO NOT EDIT'\n",
    'long.js': `x = "${'a'.repeat(6_000)}"\n`,
    'keep.js': 'exports.a = 1\n',
    'keep.d.ts': 'export declare const a: number\n',
    'own.d.ts': 'export declare const own: number\n',
    'vendor/x.py': 'x\n',
    'sub/__pycache__/x.pyc': 'x\n',
    'a/b/c/d/e.py': 'x\n',
    'tab\tname.py': 'x\n',
  })
  execFileSync('mkfifo', [join(folder, 'pipe')])
  const { snapshot } = await ground(folder, { maxDepth: 3 })
  assert.equal(skippedAs(snapshot), {
    'a.js.map': 'generated',
    'a.min.js': 'generated',
    'a/b/c/d': 'too-deep',
    'keep.d.ts': 'generated',
    'keep.js': 'generated',
    'latin.py': 'invalid-utf8',
    'long.js': 'generated',
    'made.py': 'generated',
    'nul.txt': 'binary',
    'package-lock.json': 'generated',
    pipe: 'not-a-file',
    'sub/__pycache__': 'vendored',
    'tab\tname.py': 'unsupported',
    vendor: 'vendored',
  })
  assert.equal(
    snapshot.files.map((file) => file.path),
    ['keep.ts', 'marks.ts', 'own.d.ts'],
  )
})

test('a file with a credential is skipped, and the credential is shown nowhere', async () => {
  const key = `-----BEGIN RSA PRIVATE KEY-----\n${`${'MIIEow'.repeat(10)}\n`.repeat(4)}-----END RSA PRIVATE KEY-----\n`
  const token = `ghp_${'a1B2'.repeat(9)}`
  const folder = writeRepository({
    'a.py': 'x = 1\n',
    'key.pem': key,
    'config.py': `TOKEN = "${token}"\n`,
    'docs.md': 'Paste your `-----BEGIN PRIVATE KEY-----` block and your `ghp_` token.\n',
  })
  const { snapshot } = await ground(folder)
  assert.equal(skippedAs(snapshot), { 'config.py': 'secret', 'key.pem': 'secret' })
  assert.not.match(JSON.stringify(snapshot), /MIIEow|a1B2/)
})

test('a private key is found in each form in which people write one down', async () => {
  const begin = (label: string): string => `-----BEGIN ${label}-----`
  const body = 'MIIEow'.repeat(10)
  const forms = {
    'escaped.py': `KEY = "${begin('PRIVATE KEY')}\\n${body}\\n${body}"\n`,
    'short.txt': `${begin('PRIVATE KEY')}\n${'MC4CAQ'.repeat(8)}\n`,
    'comment.js': `/*\n * ${begin('RSA PRIVATE KEY')}\n * ${body}\n */\n`,
    'quoted.py': `KEY = (\n    "${begin('EC PRIVATE KEY')}\\n"\n    "${body}\\n"\n)\n`,
    'added.js': `export const key = '${begin('PRIVATE KEY')}\\n' +\n  '${body}\\n'\n`,
    'pgp.txt': `${begin('PGP PRIVATE KEY BLOCK')}\nVersion: GnuPG\n\n${body}\n`,
    'encrypted.txt': `${begin('RSA PRIVATE KEY')}\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-128-CBC,00FF\n\n${body}\n`,
  }
  const folder = writeRepository({
    ...forms,
    'public.txt': `${begin('PUBLIC KEY')}\n${body}\n`,
    'check.py': `if text.startswith("${begin('PRIVATE KEY')}"):\n    load(text)\n`,
  })
  const { snapshot } = await ground(folder)
  assert.equal(skippedAs(snapshot), Object.fromEntries(Object.keys(forms).map((path) => [path, 'secret'])))
})

test('tokens of a fixed form are found, and words that only begin as they do are not', async () => {
  const starts = ['sk_' + 'live_', 'sk-' + 'proj-', 'AI' + 'za', 'h' + 'f_', 'gl' + 'pat-']
  for (const start of starts) {
    const folder = writeRepository({
      'a.py': `TOKEN = "${start + 'a1B2c'.repeat(7)}"\n`,
      'b.py': `TOKEN = "${start}your_token"\n`,
    })
    assert.equal(skippedAs((await ground(folder)).snapshot), { 'a.py': 'secret' }, start)
  }
})

test('compiled output is found by its source, and a dist without sources is the source', async () => {
  const both = await ground(
    writeRepository({
      'src/a.ts': '',
      'src/main.ts': '',
      'a.js': '',
      'dist/main.js': '',
      'dist/bundle.js': '',
      'build/tool.js': '',
    }),
  )
  assert.equal(
    both.snapshot.files.map((file) => file.path),
    ['build/tool.js', 'src/a.ts', 'src/main.ts'],
  )
  const alone = await ground(writeRepository({ 'dist/main.js': '', 'package.json': '{}' }))
  assert.equal(
    alone.snapshot.files.map((file) => file.path),
    ['dist/main.js', 'package.json'],
  )
})

test('declarations written by hand stay beside their JavaScript, and those of a compiler go', async () => {
  const declaration = 'export declare const a: number\n'
  const { snapshot } = await ground(
    writeRepository({
      'src/index.js': 'export const a = 1\n',
      'src/index.d.ts': declaration,
      'mapped.js': 'export const a = 1\n',
      'mapped.d.ts': declaration,
      'mapped.d.ts.map': '{}',
      'marked.d.ts': `${declaration}//# sourceMappingURL=marked.d.ts.map`,
      'build/index.js': 'export const a = 1\n',
      'build/index.d.ts': declaration,
      'js/b.js': 'exports.b = 1\n',
      'js/b.d.ts': declaration,
      'ts/b.ts': declaration,
    }),
  )
  assert.equal(
    snapshot.files.map((file) => file.path),
    ['build/index.js', 'mapped.js', 'src/index.d.ts', 'src/index.js', 'ts/b.ts'],
  )
})

test('what a compiler, a bundler or a minifier wrote is skipped, and code and data of people stay', async () => {
  const { snapshot } = await ground(
    writeRepository({
      'mapped.js': 'exports.a = 1\n//# sourceMappingURL=mapped.js.map\n',
      'wrapped.js': '!function (e) { e.a = 1 }(this)\n',
      'dense.js': `${'exports.a=1;'.repeat(60)}\n`,
      'x.production.js': 'exports.a = 1\n',
      'talks.js':
        "// Writes\n//# sourceMappingURL=x.map\n// at the end of a file.\nexports.mark = '//# sourceMappingURL=x.map'\n",
      'wide.js': `exports.a = '${'a'.repeat(400)}'\nexports.b = 1\n`,
      'dense.json': `{"a":"${'a'.repeat(900)}"}\n`,
      'dense.py': `A = "${'a'.repeat(900)}"\n`,
    }),
  )
  assert.equal(
    snapshot.files.map((file) => file.path),
    ['dense.json', 'dense.py', 'talks.js', 'wide.js'],
  )
  assert.equal(new Set(Object.values(skippedAs(snapshot))), new Set(['generated']))
})

test('a word of care is no mark of generated code', async () => {
  const { snapshot } = await ground(
    writeRepository({
      'care.js': '// Do not edit without careful benchmarking.\nexports.a = 1\n',
      'made.js': '// Made by a tool. Do not edit.\nexports.a = 1\n',
    }),
  )
  assert.equal(skippedAs(snapshot), { 'made.js': 'generated' })
})

test('a root that lies in node_modules is judged by what is in it', async () => {
  const folder = writeRepository({ 'node_modules/thing/dist/a.js': 'x\n' })
  const { snapshot } = await ground(join(folder, 'node_modules', 'thing', 'dist'))
  assert.equal(
    snapshot.files.map((file) => file.path),
    ['a.js'],
  )
  assert.is(snapshot.name, 'thing-dist')
})

test('bounds on the number of files and on their bytes list what they leave out', async () => {
  const folder = writeRepository({ 'a.py': '1234\n', 'b.py': '1234\n', 'c.py': '1234\n' })
  assert.equal(skippedAs((await ground(folder, { maxFiles: 2 })).snapshot), { 'c.py': 'too-many-files' })
  assert.equal(skippedAs((await ground(folder, { maxTotalBytes: 12 })).snapshot), { 'c.py': 'oversized' })
  assert.equal(skippedAs((await ground(folder, { maxEntries: 2 })).snapshot), { '.': 'too-many-files' })
})

test('a file that may not be read is skipped', async () => {
  const folder = writeRepository({ 'a.py': 'x\n', 'secret.py': 'x\n' })
  chmodSync(join(folder, 'secret.py'), 0)
  if (process.getuid?.() === 0) {
    console.log('skipped: the superuser may read every file')
    return
  }
  assert.equal(skippedAs((await ground(folder)).snapshot), { 'secret.py': 'unreadable' })
})

test('an aborted signal stops grounding with a code of its own', async () => {
  const folder = writeRepository({ 'a.py': 'x\n' })
  assert.is((await failure(folder, {}, AbortSignal.abort())).code, 'ABORTED')
  const archive = writeArchive([{ path: 'p/a.py', content: 'x\n' }])
  const stop = new AbortController()
  setImmediate(() => stop.abort())
  assert.is((await failure(archive, {}, stop.signal)).code, 'ABORTED')
})

test('an option that does not exist is an error and not ignored', () => {
  assert.not.ok(groundingOptionsSchema.safeParse({ maxFilez: 1 }).success)
})

test.run()
