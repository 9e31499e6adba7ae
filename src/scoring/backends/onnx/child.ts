// The process that computes for one `onnx` scorer. `child-process.ts` starts it, `messages.ts` has the messages, and it
// ends with its parent. It is a process because a run of ONNX Runtime blocks the event loop, and ending a thread during
// a run would end the whole process.
import { join } from 'node:path'
import { CoreError, toWireError } from '../../../core/index.js'
import { checkWeightsAreFinite, readModelFiles, weightsFile } from '../../../model/index.js'
import { LlamaRunner } from './llama-runner.js'
import { loadOnnxRuntime } from './load-onnxruntime.js'
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
// A terminal or a batch system sends these to the whole group of processes: the parent decides what to do.
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
    engine = await load(request.input)
    return null
  }
  if (engine === null)
    throw new CoreError('WORKER_FAILED', 'The child process was asked to compute before it was loaded.')
  switch (request.call) {
    case 'open':
      return engine.open(request.input.tokens)
    case 'score':
      return engine.score(request.input.prefix, request.input.branches, () => aborted.has(request.id))
    case 'commit':
      return engine.commit(request.input.prefix, request.input.tokens)
    case 'close':
      engine.close(request.input.prefix)
      return null
    case 'counters':
      return engine.counters
  }
}

async function load({ modelDir, threads, keptBytes }: Calls['load']['input']): Promise<PrefixEngine> {
  const runtime = await loadOnnxRuntime()
  const files = readModelFiles(modelDir)
  checkWeightsAreFinite(join(modelDir, weightsFile), files.tensors.values())
  const runner = await LlamaRunner.load(runtime, modelDir, files, threads)
  return new PrefixEngine(runner, files.config, keptBytes)
}

function reply(message: Reply): void {
  process.send?.(message)
}
