import { spawn } from 'node:child_process'
import { killGroup } from './kill-group.js'

/**
 * Leaves a shell behind that runs `script` should this process die, however it dies: the pipe that it holds then closes.
 *
 * @returns what sends it away, the script not run
 */
export function startKeeper(script: string, ...args: string[]): () => void {
  const keeper = spawn('sh', ['-c', `cat > /dev/null; ${script}`, 'sh', ...args], {
    detached: true,
    stdio: ['pipe', 'ignore', 'ignore'],
  })
  keeper.on('error', () => {})
  keeper.unref()
  return () => killGroup(keeper.pid)
}
