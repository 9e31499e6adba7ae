import cliProgress from 'cli-progress'
import { silentProgress, type Progress, type StageProgress } from '../core/index.js'
import { counted } from './counted.js'
import { printable } from './printable.js'

/** Progress on standard error: bars on a terminal, plain lines elsewhere, nothing where it is not wanted. */
export function terminalProgress(quiet: boolean): Progress {
  if (quiet) return { ...silentProgress, note: writeLine }
  return process.stderr.isTTY ? barProgress() : lineProgress()
}

function writeLine(text: string): void {
  process.stderr.write(`${printable(text)}\n`)
}

/** Units per second with a figure that fits the size. */
export function formatRate(perSecond: number): string {
  if (!Number.isFinite(perSecond)) return '-'
  if (perSecond >= 10) return perSecond.toFixed(0)
  return perSecond > 0 && perSecond < 0.1 ? perSecond.toPrecision(1) : perSecond.toFixed(1)
}

/** `42 s`, `3 min 05 s`, `2 h 10 min`. */
export function formatSeconds(seconds: number): string {
  const whole = Math.round(seconds)
  if (!Number.isFinite(seconds)) return '-'
  if (whole < 60) return `${whole} s`
  if (whole < 3600) return `${Math.floor(whole / 60)} min ${String(whole % 60).padStart(2, '0')} s`
  return `${Math.floor(whole / 3600)} h ${String(Math.floor((whole % 3600) / 60)).padStart(2, '0')} min`
}

/** Rate and time left, counted from the start of this process and not from what an earlier run had done. */
function pace(started: number, already: number, done: number, total: number): { rate: string; left: string } {
  const seconds = (performance.now() - started) / 1000
  const rate = (done - already) / seconds
  return { rate: formatRate(rate), left: done > already ? formatSeconds((total - done) / rate) : '-' }
}

function barProgress(): Progress {
  return {
    note: writeLine,
    detail: writeLine,
    stage(name, total, unit, already = 0): StageProgress {
      const started = performance.now()
      const bar = new cliProgress.SingleBar({
        format: `${name.padEnd(10)} {bar} {value}/{total} ${unit}  {rate}/s  {left} left{facts}`,
        barCompleteChar: '█',
        barIncompleteChar: '░',
        barsize: 28,
        hideCursor: true,
        stopOnComplete: false,
      })
      let done = already
      bar.start(Math.max(total, 1), done, { rate: '-', left: '-', facts: '' })
      return {
        advance(count = 1, facts) {
          done += count
          if (total === 0) bar.setTotal(done)
          bar.update(done, { ...pace(started, already, done, total), facts: facts === undefined ? '' : `  ${facts}` })
        },
        finish: () => bar.stop(),
      }
    },
  }
}

const secondsBetweenLines = 10

function lineProgress(): Progress {
  return {
    note: writeLine,
    detail: writeLine,
    stage(name, total, unit, already = 0): StageProgress {
      const started = performance.now()
      let done = already
      let lastLineAt = started
      let latestFacts = ''
      const amount = (): string => (total === 0 ? counted(done, unit) : `${done}/${total} ${unit}`)
      const writeState = (): void => {
        const { rate, left } = pace(started, already, done, total)
        const rest = total > 0 && done < total ? `, ${left} left` : ''
        writeLine(`${name}: ${amount()}, ${rate}/s${rest}${latestFacts}`)
        lastLineAt = performance.now()
      }
      return {
        advance(count = 1, facts) {
          done += count
          latestFacts = facts === undefined ? '' : `, ${facts}`
          if (performance.now() - lastLineAt > secondsBetweenLines * 1000 && done !== total) writeState()
        },
        finish: () => {
          if (done > already) writeState()
          // A stage that ends before its first unit is done has failed, and the error says so.
          else if (done === total) writeLine(`${name}: ${amount()}, nothing to do`)
        },
      }
    },
  }
}
