import type { Progress, StageProgress } from '../core/index.js'
import type { StartEvent, StepEvent, TrainingEvent } from '../records/index.js'
import { formatGib } from './memory.js'

/** Shows the loop's events as progress. */
export function showProgress(progress: Progress): { show: (event: TrainingEvent) => void; finish: () => void } {
  let stage: StageProgress | null = null
  let done = 0
  const finish = (): void => {
    stage?.finish()
    stage = null
  }
  const show = (event: TrainingEvent): void => {
    if (event.event === 'start') {
      finish()
      progress.detail(describeStart(event))
      stage = progress.stage('Training', event.totalSteps, 'steps', event.step)
      done = event.step
    }
    if (event.event === 'step' && event.step > done) {
      stage?.advance(event.step - done, stepFacts(event))
      done = event.step
    }
  }
  return { show, finish }
}

function describeStart({ worldSize, deviceName, engine, attention, parameters, step }: StartEvent): string {
  const ranks = worldSize === 1 ? '1 rank' : `${worldSize} ranks`
  const resumed = step === 0 ? '' : ` Goes on from step ${step}.`
  return `${ranks} on ${deviceName}, ${grouped(parameters)} parameters, engine ${engine}, attention: ${attention}.${resumed}`
}

/** `loss 1.234  9,876 tok/s  MFU 38 %  71.2 GiB` */
function stepFacts({ loss, tokensPerSecond, mfu, memoryBytes }: StepEvent): string {
  const use = mfu === null ? [] : [`MFU ${(100 * mfu).toFixed(mfu < 0.1 ? 1 : 0)} %`]
  return [`loss ${loss.toFixed(3)}`, `${grouped(tokensPerSecond)} tok/s`, ...use, formatGib(memoryBytes)].join('  ')
}

function grouped(value: number): string {
  return Math.round(value).toLocaleString('en-US')
}
