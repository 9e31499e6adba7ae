import { spawn } from 'node:child_process'
import { killGroup } from './kill-group.js'

/**
 * Starts a shell that runs `script` should this process die, however it dies: the shell reads a pipe that then closes.
 *
 * @returns a function that ends the shell without running the script
 */
export function startWatchdog(script: string, ...args: string[]): () => void {
  const watchdog = spawn('sh', ['-c', `cat > /dev/null; ${script}`, 'sh', ...args], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  watchdog.on('error', () => {})
  watchdog.unref()
  return () => killGroup(watchdog.pid)
}
