// Installs what the lock file names and compiles the sources, each only where something changed since the last time.
// Every npm script starts here, so a clean clone needs no command before them. Plain JavaScript: nothing is built yet.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Runs a command to its end, its output shown; ends this process where it fails. */
export function runOrExit(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options })
  if (result.error) {
    console.error(`${command} could not be started: ${result.error.message}`)
    process.exit(1)
  }
  if (result.status !== 0) process.exit(result.status ?? 1)
}

function requireNode() {
  const major = Number(process.versions.node.split('.')[0])
  if (major >= 20) return
  console.error(`retrace needs Node 20 or newer, this is ${process.versions.node}. Install a newer one and run again.`)
  process.exit(2)
}

function digestOf(paths) {
  const hash = createHash('sha256')
  for (const path of paths)
    hash
      .update(path)
      .update('\0')
      .update(readFileSync(join(root, path)))
      .update('\0')
  return hash.digest('hex')
}

function sourceFiles(folder) {
  if (!existsSync(join(root, folder))) return []
  return readdirSync(join(root, folder), { recursive: true })
    .map((name) => join(folder, name))
    .filter((path) => path.endsWith('.ts') && statSync(join(root, path)).isFile())
    .sort()
}

/** Does the work where the mark at `path` does not hold this digest, and then puts it there. */
function onceFor(path, digest, work) {
  const mark = join(root, path)
  if (existsSync(mark) && readFileSync(mark, 'utf8') === digest) return
  work()
  mkdirSync(dirname(mark), { recursive: true })
  writeFileSync(mark, digest)
}

export function setup() {
  requireNode()
  onceFor('node_modules/.retrace-installed', digestOf(['package.json', 'package-lock.json', '.npmrc']), () => {
    console.error('Installing the packages of package-lock.json ...')
    const npm = process.env.npm_execpath
    if (npm) runOrExit(process.execPath, [npm, 'ci', '--no-audit', '--no-fund', '--no-dry-run'])
    else runOrExit(process.platform === 'win32' ? 'npm.cmd' : 'npm', ['ci', '--no-audit', '--no-fund', '--no-dry-run'])
  })
  const sources = ['src', 'test', 'bench', 'scripts'].flatMap(sourceFiles)
  onceFor('dist/.compiled', digestOf(['tsconfig.json', 'package-lock.json', ...sources]), () => {
    console.error('Compiling ...')
    rmSync(join(root, 'dist'), { recursive: true, force: true })
    runOrExit(process.execPath, [join('node_modules', 'typescript', 'bin', 'tsc'), '-p', '.'])
  })
}

const nextSteps = `Built. What to do next:
  npm run demo                                    six real repositories to packed shards and a report
  node bin/retrace.mjs doctor                     what this machine has
  node bin/retrace.mjs run ../my-repo --out runs/mine --no-search
\`npm link\` makes the command \`retrace\` of \`node bin/retrace.mjs\`.`

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  setup()
  console.log(nextSteps)
}
