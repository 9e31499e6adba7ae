import { chmodSync, readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { spawn } from 'node:child_process'

export interface Outcome {
  code: number | null
  stdout: string
  stderr: string
}

/** The groups of programs that run now; they end with the test, however it ends. */
const groups = new Set<number>()
process.on('exit', () => groups.forEach(endGroup))
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => process.exit(1))

function endGroup(group: number): void {
  try {
    process.kill(-group, 'SIGKILL')
  } catch {
    // It has ended.
  }
}

/** Runs a program to its end, as another user where one is named, and ends what it left behind. */
export function runProgram(
  command: string,
  args: string[],
  cwd: string,
  env: NodeJS.ProcessEnv,
  user: { uid?: number; gid?: number } = {},
): Promise<Outcome> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd, env, detached: true, stdio: ['ignore', 'pipe', 'pipe'], ...user })
    const group = child.pid
    if (group !== undefined) groups.add(group)
    const outcome: Outcome = { code: null, stdout: '', stderr: '' }
    child.stdout.on('data', (chunk) => (outcome.stdout += String(chunk)))
    child.stderr.on('data', (chunk) => (outcome.stderr += String(chunk)))
    child.on('error', reject)
    child.on('close', (code) => {
      if (group !== undefined) {
        endGroup(group)
        groups.delete(group)
      }
      resolve({ ...outcome, code })
    })
  })
}

/** The environment of a person who starts npm in a shell: without what `npm test` passes on to its scripts. */
export function shellEnvironment(): NodeJS.ProcessEnv {
  const ofScripts =
    /^(npm_(package|lifecycle)_.*|npm_(command|execpath|node_execpath)|npm_config_(local_prefix|ignore_scripts)|INIT_CWD)$/i
  const own = /^(RETRACE_.*|NODE_OPTIONS|XDG_CACHE_HOME)$/
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !ofScripts.test(name) && !own.test(name)))
}

/** Every file below a folder with its size and the time of its last change. */
export function listFolder(folder: string): string[] {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  return names.map((name) => {
    const { size, mtimeMs } = statSync(join(folder, name))
    return `${name} ${size} ${mtimeMs}`
  })
}

/** Lets nobody write to a folder and what is in it, or lets its owner. */
export function setWritable(folder: string, isWritable: boolean): void {
  for (const name of ['.', ...readdirSync(folder, { recursive: true, encoding: 'utf8' })]) {
    const path = join(folder, name)
    const { mode } = statSync(path)
    chmodSync(path, isWritable ? mode | 0o200 : mode & ~0o222)
  }
}
