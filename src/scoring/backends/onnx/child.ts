// The process that computes for one `onnx` scorer: started by `child-process.ts`, spoken to in the words of
// `messages.ts`, gone with its parent. A run of ONNX Runtime blocks the event loop and cannot be ended from a thread,
// hence a process.
import { join } from 'node:path'
import { CoreError, toWireError } from '../../../core/index.js'
import { checkWeightsAreFinite } from '../../finite-weights.js'
import { readModelFiles } from '../../model-files.js'
import { LlamaRunner } from './llama-runner.js'
import type { Calls, Notice, Reply, Request } from './messages.js'
import { PrefixEngine } from './prefix-engine.js'

let engine: PrefixEngine | null = null
let lastCall: Promise<void> = Promise.resolve()
const aborted = new Set<number>()

process.on('message', (message: Request | Notice) => {
  if (message.call === 'stop') process.exit(0)
  if (message.call === 'abort') aborted.add(message.id)
  else lastCall = lastCall.then(() => handle(message))
})
process.on('disconnect', () => process.exit(0))
// These go to the whole group of processes (a terminal, a batch system): the parent decides what they mean.
for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => {})

async function handle(request: Request): Promise<void> {
  try {
    reply({ id: request.id, ok: true, answer: await answer(request) })
  } catch (error) {
    reply({ id: request.id, ok: false, error: toWireError(error) })
  }
  aborted.delete(request.id)
}

async function answer(request: Request): Promise<Calls[keyof Calls]['answer']> {
  if (request.call === 'load') {
    engine = await load(request.ask)
    return null
  }
  if (engine === null)
    throw new CoreError('WORKER_FAILED', 'The child process was asked to compute before it was loaded.')
  switch (request.call) {
    case 'open':
      return engine.open(request.ask.tokens)
    case 'score':
      return engine.score(request.ask.prefix, request.ask.branches, () => aborted.has(request.id))
    case 'commit':
      return engine.commit(request.ask.prefix, request.ask.tokens)
    case 'close':
      engine.close(request.ask.prefix)
      return null
    case 'counters':
      return engine.counters
  }
}

async function load({ modelDir, threads, keptBytes }: Calls['load']['ask']): Promise<PrefixEngine> {
  const files = readModelFiles(modelDir)
  checkWeightsAreFinite(join(modelDir, 'model.safetensors'), files.tensors.values())
  const runner = await LlamaRunner.load(modelDir, files, threads)
  return new PrefixEngine(runner, files.config, keptBytes)
}

function reply(message: Reply): void {
  process.send?.(message)
}
