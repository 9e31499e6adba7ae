import { spawn } from 'node:child_process'
import { readFileSync, readdirSync, statSync } from 'node:fs'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { sha256Hex } from '../../src/core/index.js'

const main = fileURLToPath(new URL('../../src/cli/main.js', import.meta.url))

/** A Llama with random weights, three layers, made by scripts/reference: enough for all that is not about quality. */
export const tinyModel = join(process.env['RETRACE_ROOT'] ?? process.cwd(), 'test', 'scoring', 'fixtures', 'tiny-llama')

export interface CliResult {
  code: number | null
  stdout: string
  stderr: string
}

/** When to send which signal: so long after the start, or after something was said on standard error. */
export interface Stop {
  afterMs: number
  signal: NodeJS.Signals
  whenItSays?: RegExp
}

/**
 * Runs the command line in a process of its own. With `stop` a signal is sent while it works: SIGKILL to the process
 * alone, as by a power cut; any other to its whole group, as a terminal does.
 */
export function runCli(args: readonly string[], stop?: Stop): Promise<CliResult> {
  return new Promise((resolve) => {
    const child = spawn(process.execPath, [main, ...args], { detached: true, env: { ...process.env, NO_COLOR: '1' } })
    const result: CliResult = { code: null, stdout: '', stderr: '' }
    const send = (): void => {
      if (child.pid !== undefined) process.kill(stop?.signal === 'SIGKILL' ? child.pid : -child.pid, stop?.signal)
    }
    let timer: NodeJS.Timeout | undefined
    const arm = (): void => {
      if (stop !== undefined) timer ??= setTimeout(send, stop.afterMs)
    }
    if (stop?.whenItSays === undefined) arm()
    child.stdout.on('data', (chunk) => (result.stdout += String(chunk)))
    child.stderr.on('data', (chunk) => {
      result.stderr += String(chunk)
      if (stop?.whenItSays?.test(result.stderr) === true) arm()
    })
    child.on('close', (code) => {
      clearTimeout(timer)
      resolve({ ...result, code })
    })
  })
}

/** Every file below a folder by the digest of its bytes; what differs from run to run by nature is left out. */
export function digestFolder(
  folder: string,
  without: readonly string[] = ['report.html', 'timings.jsonl', 'ledger.jsonl'],
): Record<string, string> {
  const names = readdirSync(folder, { recursive: true, encoding: 'utf8' }).sort()
  const files = names.filter((name) => statSync(join(folder, name)).isFile() && !without.includes(name))
  return Object.fromEntries(files.map((name) => [relative('.', name), sha256Hex(readFileSync(join(folder, name)))]))
}
