/** One press of Ctrl-C can arrive twice: from the terminal, and from a program that stands between. */
const samePressMs = 1000

/** Aborts `kill` at the next signal after the one that aborted `first`. */
export function secondStop(first: AbortSignal): { kill: AbortSignal; release: () => void } {
  const kill = new AbortController()
  let firstAt = Infinity
  const onSignal = (): void => {
    if (performance.now() - firstAt > samePressMs) kill.abort()
  }
  const listen = (): void => {
    firstAt = performance.now()
    process.on('SIGINT', onSignal).on('SIGTERM', onSignal)
  }
  first.addEventListener('abort', listen, { once: true })
  const release = (): void => {
    first.removeEventListener('abort', listen)
    process.off('SIGINT', onSignal).off('SIGTERM', onSignal)
  }
  return { kill: kill.signal, release }
}
