import { spawn, type ChildProcess } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { seededRandom } from '../../src/core/index.js'
import { packTrajectories, packingOptionsSchema } from '../../src/packing/index.js'
import {
  trainingEventSchema,
  trainingFailureSchema,
  type ShardManifest,
  type Step,
  type TrainingEvent,
  type TrainingFailure,
  type Trajectory,
} from '../../src/records/index.js'
import { createRenderer } from '../../src/rendering/index.js'
import { loadTokenizer } from '../../src/tokenizer/index.js'
import { trainingConfigSchema } from '../../src/training/options.js'
import type { z } from 'zod'
import { readSpan, spanOf, trajectoryOf } from '../packing/random-trajectories.js'
import { smallProject } from '../support.js'
import { pythonVariables } from './python-with.js'

const root = process.env.RETRACE_ROOT ?? process.cwd()
const shippedModel = join(root, 'models/retrace-small')
const source = Object.values(smallProject).join('')

/** A Llama of three blocks with grouped heads and the shipped tokenizer; its weights come from the seed of a run. */
export function writeTinyModel(folder: string): void {
  const shape = {
    architectures: ['LlamaForCausalLM'],
    model_type: 'llama',
    vocab_size: 4096,
    hidden_size: 64,
    intermediate_size: 160,
    num_hidden_layers: 3,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 16,
    max_position_embeddings: 512,
    rope_theta: 10000,
    rms_norm_eps: 1e-5,
    hidden_act: 'silu',
    tie_word_embeddings: false,
    bos_token_id: 4091,
    eos_token_id: 4092,
    dtype: 'float32',
  }
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'config.json'), JSON.stringify(shape))
  for (const name of ['tokenizer.json', 'tokenizer_config.json']) cpSync(join(shippedModel, name), join(folder, name))
}

/** Trajectories of a domain that write and read pieces of a small project; the same each time. */
function trajectories(domain: string, count: number): Trajectory[] {
  const random = seededRandom(`${domain} of the training test`)
  const piece = (): string => {
    const start = random.below(source.length - 400)
    return source.slice(start, start + 40 + random.below(360))
  }
  return Array.from({ length: count }, (_, index) => {
    const steps = Array.from({ length: 1 + random.below(3) }, (_, at): Step[] => {
      const [path, content] = [`src/${domain}-${at}.ts`, spanOf(piece())]
      const thought = { text: `Part ${at} of ${domain} ${index}.`, facts: [] }
      return [
        { thought, action: { tool: 'Write', path, content }, observation: null },
        {
          thought: null,
          action: { tool: 'Read', path, start: 0, end: content.end, startLine: 1 },
          observation: content,
        },
      ]
    }).flat()
    return trajectoryOf(`${domain}-${index}`, { domain, episodes: [{ path: 'src', steps }] })
  })
}

/** Packs the same trajectories of two domains. @param windowDocuments 1: each document gets rows of its own */
export async function packTwoDomains(
  folder: string,
  options: { sequenceLength: number; windowDocuments?: number; count?: number },
): Promise<ShardManifest> {
  const tokenizer = await loadTokenizer(shippedModel)
  const { count = 24, ...packing } = options
  const checked = packingOptionsSchema.parse({ ...packing, maxShardTokens: 4096, formats: ['parquet'] })
  const all = [...trajectories('typescript', count), ...trajectories('python', count)]
  const renderer = createRenderer(checked.renderer)
  const input = { trajectories: all, read: readSpan, tokenizer, renderer, folder }
  const manifest = await packTrajectories(input, checked)
  writeFileSync(join(folder, 'manifest.json'), JSON.stringify(manifest))
  return manifest
}

/** What a run trains with, but for what a test says. */
export interface Setup {
  out: string
  model: string
  shards: string
  config?: z.input<typeof trainingConfigSchema>
}

/** A training as its folder shows it, started and ended as often as a test likes. */
export class TrainingRun {
  readonly out: string
  readonly #python: string

  constructor(python: string, { out, model, shards, config }: Setup) {
    this.#python = python
    this.out = out
    const small = { init: 'random', compute: 'float32', exportType: 'float32', batchRows: 4 } as const
    const job = {
      schemaVersion: 1,
      out,
      model,
      shards: [shards],
      engine: 'fsdp2',
      device: 'cpu',
      threads: 1,
      config: trainingConfigSchema.parse({ ...small, ...config }),
    }
    mkdirSync(out, { recursive: true })
    writeFileSync(join(out, 'job.json'), JSON.stringify(job))
  }

  /** Starts so many ranks by torchrun; 0: one process without torchrun. Forgets an earlier failure, as the launcher. */
  start(ranks: number): TrainingProcess {
    rmSync(join(this.out, 'failure.json'), { force: true })
    const launcher = ['-m', 'torch.distributed.run', '--standalone', '--nproc-per-node', String(ranks)]
    const args = [...(ranks > 0 ? launcher : []), '-m', 'retrace_train', '--job', join(this.out, 'job.json')]
    return new TrainingProcess(this.#python, args)
  }

  async runToEnd(ranks: number): Promise<Ending> {
    return this.start(ranks).end()
  }

  events(): TrainingEvent[] {
    const path = join(this.out, 'metrics.jsonl')
    if (!existsSync(path)) return []
    const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1)
    return lines.map((line) => trainingEventSchema.parse(JSON.parse(line)))
  }

  steps(): Extract<TrainingEvent, { event: 'step' }>[] {
    return this.events().filter((event) => event.event === 'step')
  }

  ends(): Extract<TrainingEvent, { event: 'end' }>[] {
    return this.events().filter((event) => event.event === 'end')
  }

  failure(): TrainingFailure {
    return trainingFailureSchema.parse(JSON.parse(readFileSync(join(this.out, 'failure.json'), 'utf8')))
  }

  /** Names in `checkpoints/`, unfinished ones too. */
  checkpoints(): string[] {
    return readdirSync(join(this.out, 'checkpoints')).sort()
  }

  /** Resolves once a line reports this step as done. @throws where the process ends before, or hangs */
  async waitForStep(step: number, process: TrainingProcess): Promise<void> {
    while (!this.steps().some((event) => event.step >= step)) {
      if (process.ended) throw new Error(`it ended before step ${step}: ${process.stderr.slice(-3000)}`)
      await sleep(10)
    }
  }
}

interface Ending {
  code: number | null
  signal: NodeJS.Signals | null
  stderr: string
}

/** A process that still runs after this time hangs, however busy the machine is. */
const hangMs = 1_200_000

/** torchrun and its ranks. It leads a process group, and each of its ranks leads another. */
class TrainingProcess {
  stderr = ''
  ended = false
  readonly #child: ChildProcess
  readonly #closed: Promise<Ending>

  constructor(python: string, args: readonly string[]) {
    const environment = { ...process.env, ...pythonVariables, HF_HUB_OFFLINE: '1' }
    this.#child = spawn(python, args, { detached: true, env: environment, stdio: ['ignore', 'ignore', 'pipe'] })
    this.#child.stderr?.on('data', (chunk) => (this.stderr += String(chunk)))
    const timer = setTimeout(() => {
      this.stderr += '\nkilled by the test: it hung'
      this.killAll()
    }, hangMs).unref()
    this.#closed = new Promise((resolve) => {
      this.#child.on('exit', () => (this.ended = true))
      this.#child.on('close', (code, signal) => {
        clearTimeout(timer)
        resolve({ code, signal, stderr: this.stderr })
      })
    })
  }

  /** How it ended. */
  end(): Promise<Ending> {
    return this.#closed
  }

  signal(signal: NodeJS.Signals): void {
    this.#child.kill(signal)
  }

  /** All at once, as when the power fails. */
  killAll(): void {
    const own = this.#child.pid as number
    // Stopped first: an agent that sees a rank die would record it and end the others in its own way.
    for (const pid of [own, ...this.ranks()]) sendTo(pid, 'SIGSTOP')
    for (const pid of [...this.ranks(), own]) sendTo(pid, 'SIGKILL')
  }

  /** Process ids of the ranks, by their number. */
  ranks(): number[] {
    const parents = readdirSync('/proc').filter((name) => /^\d+$/.test(name) && parentOf(name) === this.#child.pid)
    const rankOf = (pid: string): number => {
      const found = /(?:^|\0)RANK=(\d+)/.exec(readOrEmpty(`/proc/${pid}/environ`))
      return found === null ? -1 : Number(found[1])
    }
    const ranks = parents.map((pid) => ({ pid: Number(pid), rank: rankOf(pid) })).filter(({ rank }) => rank >= 0)
    return ranks.sort((a, b) => a.rank - b.rank).map(({ pid }) => pid)
  }
}

function parentOf(pid: string): number {
  // Behind the name of the program, which may have any character: state, parent.
  return Number(readOrEmpty(`/proc/${pid}/stat`).split(') ').at(-1)?.split(' ')[1])
}

function readOrEmpty(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return '' // it ended meanwhile
  }
}

function sendTo(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal)
  } catch {
    // It ended meanwhile.
  }
}
