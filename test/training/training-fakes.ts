import { chmodSync, cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { sha256Hex, type Progress } from '../../src/core/index.js'
import type { ShardManifest, StartEvent, StepEvent } from '../../src/records/index.js'
import { presetConfig, type TrainingRequest } from '../../src/training/index.js'

export const root = process.env['RETRACE_ROOT'] ?? process.cwd()
export const shippedModel = join(root, 'models', 'retrace-small')

/** One thing that the fake torchrun does, in the order given. */
export type Deed =
  /** Appends a line to metrics.jsonl. */
  | { line: object | string }
  /** Replaces metrics.jsonl by its first so many lines, as the loop does when it starts. */
  | { keepLines: number }
  | { file: string; text: string }
  /** A line on standard output, which is torchrun's log. */
  | { say: string }
  /** Writes where torchrun keeps the errors of a rank. */
  | { rankSays: string; rank: number }
  /** Starts a process in a session of its own that heeds no SIGTERM, and writes its number to a file. */
  | { orphan: string }
  | { waitForStop: true }
  | { hang: true }
  | { exit: number }

export const gibibyte = 2 ** 30
export const cpuProbe = {
  python: '3.11.2',
  torch: '2.13.0+cpu',
  transformers: '5.23.0',
  pyarrow: '26.0.1',
  trl: null as string | null,
  cuda: [] as { name: string; memoryBytes: number }[],
  cpuCount: 2,
  memoryBytes: 16 * gibibyte,
  availableBytes: 8 * gibibyte,
  varlenAttention: false,
}

/** A program that answers the probe as a Python would, and plays torchrun as it is told. */
export function writeFakePython(folder: string, deeds: readonly Deed[], probe: object = cpuProbe): string {
  const path = join(folder, 'python')
  mkdirSync(folder, { recursive: true })
  // Whatever lies above the folder, the file is a plain script.
  writeFileSync(join(folder, 'package.json'), '{}')
  writeFileSync(
    path,
    `#!${process.execPath}\nconst deeds = ${JSON.stringify(deeds)}\nconst probe = ${JSON.stringify(probe)}\n${body}`,
  )
  chmodSync(path, 0o755)
  return path
}

const body = `
const { appendFileSync, existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } = require('node:fs')
const { join } = require('node:path')
const args = process.argv.slice(2)
if (args.includes('retrace_train.probe')) {
  console.log(JSON.stringify(probe))
  process.exit(0)
}
const job = JSON.parse(readFileSync(args[args.indexOf('--job') + 1], 'utf8'))
const logs = args.includes('--log-dir') ? args[args.indexOf('--log-dir') + 1] : job.out
const metrics = join(job.out, 'metrics.jsonl')
writeFileSync(join(job.out, 'started.json'), JSON.stringify({ args, env: process.env }))
process.on('SIGTERM', () => {})
async function act(deed) {
  if ('line' in deed) appendFileSync(metrics, (typeof deed.line === 'string' ? deed.line : JSON.stringify(deed.line)) + '\\n')
  if ('keepLines' in deed) {
    const lines = readFileSync(metrics, 'utf8').split('\\n').slice(0, deed.keepLines)
    writeFileSync(metrics + '.tmp', lines.map((line) => line + '\\n').join(''))
    renameSync(metrics + '.tmp', metrics)
  }
  if ('file' in deed) {
    mkdirSync(join(job.out, deed.file, '..'), { recursive: true })
    writeFileSync(join(job.out, deed.file), deed.text)
  }
  if ('say' in deed) console.log(deed.say)
  if ('rankSays' in deed) {
    const folder = join(logs, 'id_x', 'attempt_0', String(deed.rank))
    mkdirSync(folder, { recursive: true })
    writeFileSync(join(folder, 'stderr.log'), deed.rankSays)
  }
  if ('orphan' in deed) {
    const script = 'process.on("SIGTERM", () => {}); setTimeout(() => {}, 120000)'
    const child = require('node:child_process').spawn(process.execPath, ['-e', script], { detached: true, stdio: 'ignore' })
    writeFileSync(join(job.out, deed.orphan), String(child.pid))
    child.unref()
  }
  while (('waitForStop' in deed && !existsSync(join(job.out, 'stop'))) || 'hang' in deed) {
    await new Promise((resolve) => setTimeout(resolve, 20))
    if (process.uptime() > 100) process.exit(99)
  }
  if ('exit' in deed) process.exit(deed.exit)
}
;(async () => { for (const deed of deeds) await act(deed) })()
`

export const startEvent: StartEvent = {
  event: 'start',
  step: 0,
  totalSteps: 4,
  worldSize: 2,
  device: 'cpu',
  deviceName: 'a CPU',
  engine: 'fsdp2',
  attention: 'one call per document',
  parameters: 3_803_392,
  domains: { typescript: { rows: 8, tokens: 800 } },
  peakFlops: 1e11,
  peakFlopsSource: 'measured',
  torch: '2.13.0',
}

export function stepEvent(step: number, loss = 3 - step / 10): StepEvent {
  return {
    event: 'step',
    step,
    loss,
    domainLoss: { typescript: { loss, trainedTokens: 50 } },
    gradNorm: 1,
    learningRate: 1e-4,
    tokens: 100,
    trainedTokens: 50,
    totalTokens: 100 * step,
    totalTrainedTokens: 50 * step,
    seconds: 0.01,
    tokensPerSecond: 9876.4,
    mfu: 0.384,
    memoryBytes: Math.round(71.2 * gibibyte),
  }
}

export const endOf = (step: number, reason: 'done' | 'stopped' = 'done'): object => ({
  event: 'end',
  step,
  reason,
  model: reason === 'done' ? '/somewhere/model' : null,
})

/** A whole training of four steps that goes well. */
export const fourSteps: readonly Deed[] = [
  { line: startEvent },
  ...[1, 2, 3, 4].map((step): Deed => ({ line: stepEvent(step) })),
  { file: 'checkpoints/step-00000004/retrace.json', text: '{}' },
  { line: endOf(4) },
  { exit: 0 },
]

export interface ShardsShape {
  sequenceLength?: number
  rows?: number
  domains?: Record<string, number>
  tokenizer?: string
}

const tokenizerDigest = (model: string): string => sha256Hex(readFileSync(join(model, 'tokenizer.json')))

/** Writes a manifest, and files of the sizes it says; their bytes are nothing that could be read. */
export function writeShards(folder: string, model: string, shape: ShardsShape = {}): ShardManifest {
  const { sequenceLength = 8192, rows = 100, domains = { typescript: 400_000, python: 100_000 } } = shape
  const tokens = Object.values(domains).reduce((sum, count) => sum + count, 0)
  const text = 'rows'
  const names = ['a-00000.parquet', 'a-00000.arrow']
  mkdirSync(folder, { recursive: true })
  for (const name of names) writeFileSync(join(folder, name), text)
  const manifest: ShardManifest = {
    schemaVersion: 1,
    sequenceLength,
    renderer: 'plain',
    masks: {},
    tokenizer: { digest: shape.tokenizer ?? tokenizerDigest(model), vocabularySize: 4096 },
    seed: 0,
    shards: names.map((file) => ({
      file,
      format: file.endsWith('arrow') ? 'arrow' : 'parquet',
      rows,
      tokens,
      trainedTokens: tokens,
      sizeBytes: text.length,
      sha256: sha256Hex(text),
    })),
    domains: Object.fromEntries(
      Object.entries(domains).map(([name, count]) => [
        name,
        { documents: 1, pieces: 1, tokens: count, trainedTokens: count },
      ]),
    ),
    packing: {
      rows,
      tokens,
      trainedTokens: tokens,
      fillRatio: 1,
      documents: 1,
      documentsCut: 0,
      pieces: 1,
      sourceTokens: tokens,
      repeatedHeaderTokens: 0,
      piecesWithoutHeader: 0,
      untrained: { pieces: 0, tokens: 0 },
      dropped: [],
      irregularBorders: 0,
    },
  }
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest))
  return manifest
}

/** Sizes of Llama-3-8B, as its config.json has them. */
const llama8b = {
  model_type: 'llama',
  hidden_size: 4096,
  intermediate_size: 14_336,
  num_hidden_layers: 32,
  num_attention_heads: 32,
  num_key_value_heads: 8,
  vocab_size: 128_256,
  max_position_embeddings: 8192,
  tie_word_embeddings: false,
}

/** A model folder of that shape with a tokenizer and no weights worth the name. */
export function writeLlama8b(folder: string): string {
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'config.json'), JSON.stringify(llama8b))
  writeFileSync(join(folder, 'model-00001-of-00001.safetensors'), 'weights')
  cpSync(join(shippedModel, 'tokenizer.json'), join(folder, 'tokenizer.json'))
  return folder
}

export function requestFor(folder: string, python: string, changes: Partial<TrainingRequest> = {}): TrainingRequest {
  return {
    shards: [join(folder, 'shards')],
    out: join(folder, 'out'),
    modelDir: shippedModel,
    config: presetConfig('small', { until: { steps: 4 } }),
    engine: 'fsdp2',
    device: 'auto',
    launch: { processes: null, nodes: 1, rendezvous: null, jobId: null },
    python,
    ...changes,
  }
}

/** Progress that is kept as lines. */
export function recordedProgress(): { progress: Progress; lines: string[] } {
  const lines: string[] = []
  const progress: Progress = {
    note: (message) => lines.push(message),
    detail: (message) => lines.push(message),
    stage(name, total, unit, done = 0) {
      lines.push(`${name} ${done}/${total} ${unit}`)
      return {
        advance: (count = 1, facts = '') => lines.push(`+${count} ${facts}`),
        finish: () => lines.push(`${name} is over`),
      }
    },
  }
  return { progress, lines }
}

export function isAlive(pid: number): boolean {
  try {
    // A zombie answers signals; it is nobody's process any more.
    return !/^State:\s+Z/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

/** Waits for what has to come within half a minute. */
export async function until(isSo: () => boolean, what: string): Promise<void> {
  for (let tries = 0; tries < 15_000; tries++) {
    if (isSo()) return
    await sleep(20)
  }
  throw new Error(`${what} did not come`)
}
