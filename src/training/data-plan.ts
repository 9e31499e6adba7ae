import { TrainingError } from './errors.js'
import type { TrainingConfig } from './options.js'
import type { ShardFolder } from './shard-folders.js'

/** How much training draws from one domain. */
interface DomainShare {
  domain: string
  /** Of the tokens trained on, in `[0, 1]`. */
  share: number
  /** Tokens that the domain has. */
  tokens: number
  /** About how often each of them is seen. */
  passes: number
}

/** The data of a training, as far as manifests tell; the loop itself counts steps row by row. */
export interface DataPlan {
  /** The most tokens of a row. */
  rowTokens: number
  rows: number
  /** Exact where the config gives steps, else an estimate. */
  steps: number
  stepsAreExact: boolean
  tokensPerStep: number
  domains: DomainShare[]
}

/** @throws TrainingError `CONFIG_INVALID` where the mixture names a domain that no shard has */
export function planData(folders: readonly ShardFolder[], config: TrainingConfig): DataPlan {
  const tokensOf = tokensByDomain(folders)
  const shares = sharesOf(tokensOf, config.mixture)
  const rows = sum(folders.map(({ manifest }) => manifest.packing.rows))
  const tokensPerStep = (config.batchRows * sum([...tokensOf.values()])) / rows
  const epochTokens = sum([...shares.keys()].map((domain) => tokensOf.get(domain) ?? 0))
  const { until } = config
  const wantedTokens = 'tokens' in until ? until.tokens : 'epochs' in until ? until.epochs * epochTokens : null
  const steps = 'steps' in until ? until.steps : Math.max(1, Math.ceil((wantedTokens as number) / tokensPerStep))
  const domains = [...shares].map(([domain, share]): DomainShare => {
    const tokens = tokensOf.get(domain) ?? 0
    return { domain, share, tokens, passes: (share * steps * tokensPerStep) / tokens }
  })
  const rowTokens = Math.max(...folders.map(({ manifest }) => manifest.sequenceLength))
  return { rowTokens, rows, steps, stepsAreExact: wantedTokens === null, tokensPerStep, domains }
}

/** Numbers of ranks that share a step's rows evenly, in whole micro-batches, in rising order. @throws TrainingError `CONFIG_INVALID` */
export function worldSizes({ batchRows, microBatchRows }: TrainingConfig): number[] {
  const microBatches = batchRows / microBatchRows
  if (!Number.isInteger(microBatches)) {
    const message = `batchRows (${batchRows}) is no multiple of microBatchRows (${microBatchRows}). Change one of them.`
    throw new TrainingError('CONFIG_INVALID', message)
  }
  const sizes = []
  for (let size = 1; size * size <= microBatches; size++) {
    if (microBatches % size === 0) sizes.push(size, microBatches / size)
  }
  return [...new Set(sizes)].sort((a, b) => a - b)
}

function tokensByDomain(folders: readonly ShardFolder[]): Map<string, number> {
  const tokens = new Map<string, number>()
  for (const { manifest } of folders) {
    for (const [domain, totals] of Object.entries(manifest.domains)) {
      tokens.set(domain, (tokens.get(domain) ?? 0) + totals.tokens)
    }
  }
  return new Map([...tokens].filter(([, count]) => count > 0).sort(([a], [b]) => (a < b ? -1 : 1)))
}

function sharesOf(tokensOf: ReadonlyMap<string, number>, mixture: TrainingConfig['mixture']): Map<string, number> {
  const weights = mixture === null ? [...tokensOf] : Object.entries(mixture)
  const unknown = weights.map(([domain]) => domain).filter((domain) => !tokensOf.has(domain))
  if (unknown.length > 0 || weights.length === 0) {
    const problem = unknown.length > 0 ? `names ${unknown.join(', ')}, which no shard has` : 'names no domain'
    const message = `mixture ${problem}. Domains there are: ${[...tokensOf.keys()].join(', ')}.`
    throw new TrainingError('CONFIG_INVALID', message, { unknown, domains: [...tokensOf.keys()] })
  }
  const total = sum(weights.map(([, weight]) => weight))
  return new Map(weights.map(([domain, weight]) => [domain, weight / total]))
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0)
}
