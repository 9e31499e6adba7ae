// Packs what runs Retrace on a machine with neither Node nor network: this Node, the compiled program, its packages
// without those of development, the small model, and what was built natively.
//
//   scripts/gpu-bundle [--out FILE.tar.xz] [--native FOLDER] [--keep-folder]
//
// There: tar xf FILE.tar.xz (or python3 -m tarfile -e FILE.tar.xz), then retrace-bundle/retrace --version.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { root, setup } from '../setup.mjs'

const sizeLimitMib = 60
const bundleName = 'retrace-bundle'
// Not the emulated device, which is for tests.
const nativeResults = /^(retrace\.node|libretrace_(?!emulated)\w+\.so)$/

/** What a package needs at run time, and nothing for other systems, compilers or readers. */
const unneeded = [
  /\.(map|flow|markdown)$/,
  /\.d\.[cm]?ts$/,
  /(^|\/)(?!LICEN[CS]E|NOTICE)[^/]*\.md$/i,
  /(^|\/)(test|tests|__tests__|docs|doc|example|examples|\.github|coverage)\//,
]
const unneededOf = {
  'onnxruntime-node': [
    /^bin\/napi-v\d+\/(?!linux\/x64\/)/,
    /providers_(cuda|tensorrt|webgpu)/,
    /^(lib|script)\/.*\.ts$/,
  ],
  'onnxruntime-common': [/^lib\//, /^dist\/esm\//],
  'parquet-wasm': [/^(bundler|esm)\//],
  'apache-arrow': [/^src\//, /(^|\/)[^/]+\.ts$/, /^Arrow\.es(5|2015|next)/, /^bin\//],
  zod: [/^src\//, /(^|\/)[^/]+\.ts$/],
  'pure-rand': [/(^|\/)[^/]+\.ts$/],
  tar: [/(^|\/)[^/]+\.ts$/],
  flatbuffers: [/^(ts|src)\//],
}
// Only their types or their installation is used.
const unneededPackages = new Set(['@types/node', 'undici-types'])

function fail(message) {
  console.error(`gpu-bundle: ${message}`)
  process.exit(1)
}

function run(command, args, options = {}) {
  const result = spawnSync(command, args, { encoding: 'utf8', maxBuffer: 1 << 26, ...options })
  if (result.error) fail(`${command} could not be started: ${result.error.message}`)
  if (result.status !== 0)
    fail(`${command} ${args.join(' ')} ended with ${result.status}: ${result.stderr.slice(-800)}`)
  return result.stdout
}

const mib = (bytes) => `${(bytes / 2 ** 20).toFixed(1)} MiB`

function sizeOf(folder) {
  const files = readdirSync(folder, { recursive: true, withFileTypes: true }).filter((entry) => entry.isFile())
  return files.reduce((sum, entry) => sum + statSync(join(entry.parentPath ?? entry.path, entry.name)).size, 0)
}

/** Copies a folder without what any of the patterns names; they see paths relative to it, with slashes. */
function copyFolder(from, to, patterns = []) {
  cpSync(from, to, {
    recursive: true,
    dereference: true,
    filter: (source) => {
      const path = relative(from, source)
      if (path === '' || statSync(source).isDirectory()) return basename(source) !== 'node_modules' || path === ''
      return !patterns.some((pattern) => pattern.test(path))
    },
  })
}

/** Folders of the packages that the program itself needs, from the lock file's tree. */
function productionPackages() {
  const npm = process.env.npm_execpath
  const args = ['ls', '--omit=dev', '--all', '--parseable']
  // `npm ls` complains by its exit code of optional packages for other systems.
  const listed = npm
    ? spawnSync(process.execPath, [npm, ...args], { cwd: root, encoding: 'utf8' })
    : spawnSync('npm', args, { cwd: root, encoding: 'utf8' })
  const folders = (listed.stdout ?? '').split('\n').filter((path) => path.includes('node_modules') && existsSync(path))
  if (folders.length === 0) fail('npm ls found no packages: run npm ci first')
  return folders
}

function copyPackages(target) {
  for (const folder of productionPackages()) {
    const path = relative(root, folder)
    const name = path.slice(path.lastIndexOf('node_modules/') + 'node_modules/'.length)
    if (unneededPackages.has(name)) continue
    copyFolder(folder, join(target, path), [...unneeded, ...(unneededOf[name] ?? [])])
  }
}

function copyNode(target) {
  mkdirSync(dirname(target), { recursive: true })
  cpSync(process.execPath, target, { dereference: true })
  chmodSync(target, 0o755)
  const stripped = spawnSync('strip', ['--strip-unneeded', target])
  if (stripped.status !== 0) console.log('strip is not there: Node goes with its symbols')
  run(target, ['--version'])
}

/** A launcher that needs no program but the shell, so that an empty PATH will do. */
const launcher = `#!/bin/sh
# Runs Retrace with the Node that came along.
here=$0
if [ -L "$here" ]; then here=$(readlink -f -- "$here"); fi
case $here in
  */*) here=\${here%/*} ;;
  *) here=. ;;
esac
exec "$here/bin/node" "$here/dist/src/cli/main.js" "$@"
`

function fill(folder, nativeFolder) {
  mkdirSync(folder, { recursive: true })
  copyNode(join(folder, 'bin/node'))
  copyFolder(join(root, 'dist/src'), join(folder, 'dist/src'), [/\.map$/, /\.d\.ts$/])
  copyPackages(folder)
  copyFolder(join(root, 'models/retrace-small'), join(folder, 'models/retrace-small'))
  for (const file of ['package.json', 'LICENSE', 'README.md']) cpSync(join(root, file), join(folder, file))
  // The sources travel too: scripts/gpu-check builds for the machine it finds.
  for (const part of ['native', 'scripts', 'python']) {
    if (existsSync(join(root, part))) copyFolder(join(root, part), join(folder, part), [/(^|\/)__pycache__\//])
  }
  // Its C++ tests read them.
  copyFolder(join(root, 'test/scoring/fixtures'), join(folder, 'test/scoring/fixtures'))
  const native = existsSync(nativeFolder) ? readdirSync(nativeFolder).filter((name) => nativeResults.test(name)) : []
  for (const name of native) cpSync(join(nativeFolder, name), join(folder, 'build/native', name), { dereference: true })
  console.log(native.length > 0 ? `native: ${native.join(', ')}` : `native: nothing is built in ${nativeFolder}`)
  writeFileSync(join(folder, 'retrace'), launcher, { mode: 0o755 })
}

/** From an empty environment, as on a machine that has nothing; what was left out by mistake shows here. */
function proveThatItRuns(folder) {
  const work = mkdtempSync(join(tmpdir(), 'retrace-trial-'))
  const retrace = (...args) => run(join(folder, 'retrace'), args, { cwd: work, env: {} })
  console.log(`retrace --version: ${retrace('--version').trim()}`)
  const requests = join(work, 'requests.jsonl')
  writeFileSync(
    requests,
    '{"id":"a","prefix":"def add(","branches":[{"context":"a, b):\\n","target":"    return a + b\\n"}]}\n',
  )
  const answers = join(work, 'answers.jsonl')
  const backends = existsSync(join(folder, 'build/native/retrace.node')) ? ['onnx', 'native'] : ['onnx']
  for (const backend of backends) {
    const model = join(folder, 'models/retrace-small')
    retrace('score', '--model', model, '--backend', backend, '--in', requests, '--out', answers)
    const answer = readFileSync(answers, 'utf8')
    const [branch] = JSON.parse(answer).branches ?? []
    if (!(branch?.sum < 0)) fail(`retrace score --backend ${backend} answered ${answer}`)
    console.log(`retrace score --backend ${backend}: ${branch.tokens} tokens, ${branch.sum.toFixed(4)} nats`)
  }
  rmSync(work, { recursive: true, force: true })
}

/** One order, one owner, one time: the same content gives the same bytes. */
function compress(parent, file) {
  mkdirSync(dirname(file), { recursive: true })
  const order = ['--sort=name', '--owner=0', '--group=0', '--numeric-owner', '--mtime=2000-01-01']
  run('tar', [...order, '-C', parent, '-cJf', file, bundleName], { env: { ...process.env, XZ_OPT: '-6 -T0' } })
}

const usage = 'usage: scripts/gpu-bundle [--out FILE.tar.xz] [--native FOLDER] [--keep-folder]'

function parseOptions() {
  try {
    return parseArgs({
      options: {
        out: { type: 'string', default: join(root, 'build/retrace-bundle.tar.xz') },
        native: { type: 'string', default: process.env.RETRACE_NATIVE_DIR ?? join(root, 'build/native') },
        'keep-folder': { type: 'boolean', default: false },
        help: { type: 'boolean', default: false },
      },
    }).values
  } catch (error) {
    return fail(`${error.message} ${usage}`)
  }
}

const options = parseOptions()
if (options.help) {
  console.log(usage)
  process.exit(0)
}
if (process.platform !== 'linux' || process.arch !== 'x64') fail('it packs for linux x64, and has to run there')
setup()
const file = resolve(options.out)
const parent = mkdtempSync(join(tmpdir(), 'retrace-bundle-'))
const folder = join(parent, bundleName)
try {
  fill(folder, resolve(options.native))
  for (const part of readdirSync(folder).sort()) {
    const path = join(folder, part)
    console.log(`${mib(statSync(path).isDirectory() ? sizeOf(path) : statSync(path).size).padStart(10)}  ${part}`)
  }
  proveThatItRuns(folder)
  compress(parent, file)
  const size = statSync(file).size
  console.log(`${mib(sizeOf(folder)).padStart(10)}  unpacked\n${mib(size).padStart(10)}  ${file}`)
  if (size > sizeLimitMib * 2 ** 20) {
    rmSync(file)
    fail(`the bundle has ${mib(size)}, at most ${sizeLimitMib} MiB are allowed: the largest parts are listed above`)
  }
  if (options['keep-folder']) cpSync(folder, join(dirname(file), bundleName), { recursive: true })
} finally {
  rmSync(parent, { recursive: true, force: true })
}
