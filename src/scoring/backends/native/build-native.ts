import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { join } from 'node:path'
import { packageRoot } from '../../../core/index.js'
import { ScoringError } from '../../errors.js'
import { nativeBuildFolder } from './native-folders.js'

/** Exit code of `scripts/build-native.mjs` where CMake, a compiler or a header is missing. */
const toolsMissing = 2

/**
 * Builds the native engine where `nativeFolder` finds it.
 *
 * @param cmakeArguments passed on to CMake, such as `-DCUDA_HOME=/opt/cuda`
 * @returns the folder, and a report for people: one line per feature
 * @throws ScoringError `NATIVE_TOOLS_MISSING`, `NATIVE_BUILD_FAILED`
 */
export async function buildNative(
  cmakeArguments: readonly string[],
  signal: AbortSignal,
): Promise<{ folder: string; report: string }> {
  const folder = nativeBuildFolder()
  const script = join(packageRoot(), 'scripts', 'build-native.mjs')
  const child = spawn(process.execPath, [script, ...cmakeArguments], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, RETRACE_NATIVE_DIR: folder },
  })
  const stop = (): void => void child.kill()
  signal.addEventListener('abort', stop, { once: true })
  const output = { stdout: '', stderr: '' }
  for (const name of ['stdout', 'stderr'] as const) {
    child[name].setEncoding('utf8').on('data', (text: string) => (output[name] += text))
  }
  const [code] = (await once(child, 'close')) as [number | null]
  signal.removeEventListener('abort', stop)
  if (signal.aborted) throw new ScoringError('ABORTED', 'Building was aborted.')
  if (code === 0) return { folder, report: output.stdout }
  const message = output.stderr.trim() || output.stdout.trim()
  throw new ScoringError(code === toolsMissing ? 'NATIVE_TOOLS_MISSING' : 'NATIVE_BUILD_FAILED', message, { folder })
}
