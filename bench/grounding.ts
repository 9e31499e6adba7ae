// What does grounding cost above parsing? In one run and in turn, the same files are only read, decoded and parsed (A), or
// fully grounded (B: read, judge, hash, parse, outline, imports, graph, signatures, licences), by the same parser on the
// same number of threads, in the same batches. Where a language prepares its text for the grammar (C, C++, Swift), A
// parses the prepared text: the raw text takes the parser twice as long, which would make B look cheaper.
//
//   node dist/bench/grounding.js [REPO...] [--workers 2] [--repeats 5] [--out FILE]
//
// And does its memory grow with the number of repositories? Whole stage runs over copies with other words, each in a
// process of its own, which does nothing else; with the index of near-duplicates, and without it:
//
//   node dist/bench/grounding.js [REPO...] --memory 100,2000 [--no-index] [--out FILE]
//
// The repositories may stand in a file, one a line, below a folder:
//
//   node dist/bench/grounding.js --list bench/grounding-repositories.txt --below FOLDER
import { execFileSync } from 'node:child_process'
import { mkdtempSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { createWorkerPool, RunStore, sha256Hex, silentProgress, type WorkerPool } from '../src/core/index.js'
import {
  createParsePool,
  groundingOptionsSchema,
  groundWithSignatures,
  signaturesSchema,
  type Grounded,
  type ParsePool,
} from '../src/grounding/index.js'
import { rowOf, type SourceLanguage } from '../src/grounding/languages/table.js'
import { groundAll } from '../src/pipeline/run/stages/ground.js'
import type { Run } from '../src/pipeline/run/run-folder.js'
import type { BareFile } from './grounding-parse-worker.js'
import { machine, show, spread } from './measure.js'

const batchBytes = 128 * 1024
const batchFiles = 32
const defaultPackages = [
  'typescript-eslint',
  'zod',
  'semver',
  'picocolors',
  'commander',
  'piscina',
  'tar',
  'uvu',
  'openai',
]

const { values: options, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    workers: { type: 'string', default: '2' },
    repeats: { type: 'string', default: '5' },
    memory: { type: 'string' },
    'no-index': { type: 'boolean', default: false },
    list: { type: 'string' },
    below: { type: 'string', default: '.' },
    out: { type: 'string' },
    /** Of a process that this one starts: the folder with the repositories. */
    stage: { type: 'string' },
  },
})
const workers = Number(options.workers)
const root = process.env.RETRACE_ROOT ?? process.cwd()
const listed = (options.list === undefined ? '' : readFileSync(options.list, 'utf8'))
  .split('\n')
  .filter((line) => line !== '' && !line.startsWith('#'))
  .map((line) => join(options.below, line))
const given = [...listed, ...positionals]
const repositories = given.length > 0 ? given : defaultPackages.map((name) => join(root, 'node_modules', name))

async function main(): Promise<void> {
  if (options.stage !== undefined) return groundStage(options.stage)
  const { cpu, cores, memoryGiB, node, platform } = machine()
  console.log(`machine  ${cpu}, ${cores} cores, ${memoryGiB} GiB, ${platform}, Node ${node}, ${workers} threads`)
  const figures =
    options.memory === undefined ? await compareTimes() : await compareMemory(options.memory.split(',').map(Number))
  if (options.out !== undefined) {
    writeFileSync(options.out, JSON.stringify({ machine: machine(), workers, ...figures }, null, 2) + '\n')
  }
}

/** A and B in turn; the first of each loads grammars and compiles, and does not count. */
async function compareTimes(): Promise<object> {
  const pool = createParsePool(workers)
  const barePool = createWorkerPool<BareFile[], number>(
    new URL('./grounding-parse-worker.js', import.meta.url),
    workers,
  )
  const prepared = mkdtempSync(join(tmpdir(), 'retrace-bench-'))
  try {
    const files: BareFile[][] = []
    const counts: Record<string, { files: number; bytes: number }> = {}
    await groundEach(pool, (path, grounded) => files.push(...bareBatches(path, grounded, counts, prepared)))
    await parseBare(barePool, files)
    const timings: { bare: Cost; grounded: Cost; unsigned: Cost }[] = []
    for (let repeat = 0; repeat < Number(options.repeats); repeat++) {
      const bare = await costOf(() => parseBare(barePool, files))
      const grounded = await costOf(() => groundEach(pool, () => {}))
      const unsigned = await costOf(() => groundEach(pool, () => {}, { duplicates: false }))
      timings.push({ bare, grounded, unsigned })
      const line = ({ wallMs, cpuMs }: Cost): string => `${wallMs.toFixed(0)} ms (${cpuMs.toFixed(0)} of CPU)`
      console.log(`  bare parse ${line(bare)}, grounding ${line(grounded)}, without signatures ${line(unsigned)}`)
    }
    const ratio = spread(timings.map(({ grounded, bare }) => grounded.wallMs / bare.wallMs))
    const unsignedRatio = spread(timings.map(({ unsigned, bare }) => unsigned.wallMs / bare.wallMs))
    const unsignedCpuRatio = spread(timings.map(({ unsigned, bare }) => unsigned.cpuMs / bare.cpuMs))
    const cpuRatio = spread(timings.map(({ grounded, bare }) => grounded.cpuMs / bare.cpuMs))
    const total = Object.values(counts).reduce((sum, count) => ({
      files: sum.files + count.files,
      bytes: sum.bytes + count.bytes,
    }))
    console.log(`files    ${total.files} in ${repositories.length} repositories, ${(total.bytes / 1e6).toFixed(1)} MB`)
    for (const [language, count] of Object.entries(counts))
      console.log(`         ${language}: ${count.files}, ${(count.bytes / 1e6).toFixed(2)} MB`)
    console.log(`ratio    ${show(ratio, 2)}  grounding / bare parse, median [min, max] of ${timings.length}`)
    console.log(
      `         ${show(cpuRatio, 2)}  the same by CPU time of all threads, which other load on the machine does not change`,
    )
    console.log(`         ${show(unsignedRatio, 2)}  without the signatures that near-duplicates are found by`)
    console.log(`         ${show(unsignedCpuRatio, 2)}  the same by CPU time`)
    return {
      question: 'time of grounding over a bare parse',
      repositories: repositories.length,
      counts,
      timings,
      ratio,
      cpuRatio,
      unsignedRatio,
      unsignedCpuRatio,
    }
  } finally {
    await pool.dispose()
    await barePool.dispose()
    rmSync(prepared, { recursive: true, force: true })
  }
}

/** Grounds every repository as the stage does: the next ones are under way while one ends. */
async function groundEach(
  pool: ParsePool,
  take: (path: string, grounded: Grounded) => void,
  options: object = {},
): Promise<void> {
  const config = groundingOptionsSchema.parse(options)
  const begin = (at: number): Promise<Grounded> | undefined => {
    const path = repositories[at]
    return path === undefined ? undefined : groundWithSignatures(path, config, { put: sha256Hex }, { pool })
  }
  const ahead = [0, 1, 2].map(begin)
  for (const [at, path] of repositories.entries()) {
    ahead.push(begin(at + 3))
    take(path, await (ahead.shift() as Promise<Grounded>))
  }
}

function bareBatches(
  path: string,
  { snapshot }: Grounded,
  counts: Record<string, { files: number; bytes: number }>,
  prepared: string,
): BareFile[][] {
  const batches: BareFile[][] = []
  let bytes = Infinity
  for (const file of snapshot.files) {
    const count = (counts[file.language] ??= { files: 0, bytes: 0 })
    count.files++
    count.bytes += file.sizeBytes
    const support = file.language === 'text' ? undefined : rowOf(file.language as SourceLanguage).support
    const bare = { path: join(path, file.path), grammar: support?.grammar ?? null }
    if (support?.prepare !== undefined) {
      const text = support.prepare(readFileSync(bare.path, 'utf8'))
      bare.path = join(prepared, `${path.replace(/\W/g, '-')}-${count.files}-${file.language}`)
      writeFileSync(bare.path, text)
    }
    const last = batches.at(-1)
    if (last === undefined || bytes + file.sizeBytes > batchBytes || last.length >= batchFiles) {
      batches.push([bare])
      bytes = file.sizeBytes
    } else {
      last.push(bare)
      bytes += file.sizeBytes
    }
  }
  return batches
}

async function parseBare(pool: WorkerPool<BareFile[], number>, batches: readonly BareFile[][]): Promise<void> {
  await Promise.all(batches.map((batch) => pool.run(batch)))
}

interface Cost {
  wallMs: number
  /** Of all threads of the process. */
  cpuMs: number
}

async function costOf(work: () => Promise<void>): Promise<Cost> {
  const cpu = process.cpuUsage()
  const start = performance.now()
  await work()
  const wallMs = performance.now() - start
  const { user, system } = process.cpuUsage(cpu)
  return { wallMs, cpuMs: (user + system) / 1000 }
}

interface StageFigures {
  repositories: number
  kept: number
  /** Files with a signature, which the index may hold. */
  signed: number
  peakMiB: number
  /** Of the main thread, when all is done. */
  heapMiB: number
  seconds: number
}

/** The stage over so many repositories, each time in a process of its own. */
async function compareMemory(sizes: readonly number[]): Promise<object> {
  const rows: StageFigures[] = []
  for (const count of sizes) {
    const folder = mkdtempSync(join(tmpdir(), 'retrace-bench-'))
    try {
      await writeVariants(join(folder, 'in'), repositories, count)
      const args = [fileURLToPath(import.meta.url), '--workers', String(workers), '--stage', folder]
      if (options['no-index']) args.push('--no-index')
      const row = JSON.parse(execFileSync(process.execPath, args, { encoding: 'utf8' })) as StageFigures
      const { peakMiB, heapMiB, signed, seconds } = row
      console.log(
        `  ${row.repositories} repositories, ${row.kept} kept, ${signed} files signed: peak ${peakMiB} MiB, heap ${heapMiB} MiB, ${seconds} s`,
      )
      rows.push(row)
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
  }
  return { question: 'peak memory of the stage by number of repositories', index: !options['no-index'], rows }
}

/** One whole stage with its records on disk, over the folders that lie in `in`. */
async function groundStage(folder: string): Promise<void> {
  const below = join(folder, 'in')
  const inputs = readdirSync(below)
    .sort()
    .map((name) => join(below, name))
  const start = performance.now()
  const store = new RunStore(join(folder, 'run'))
  const duplicates = options['no-index'] ? (false as const) : { maxShare: 1 }
  const current = {
    store,
    record: { inputs },
    config: { workers: { grounding: workers }, grounding: groundingOptionsSchema.parse({ duplicates }) },
    context: { progress: silentProgress },
  } as unknown as Run
  await groundAll(current)
  const seconds = Math.round((performance.now() - start) / 100) / 10
  const peakMiB = Math.round(process.resourceUsage().maxRSS / 1024)
  const heapMiB = Math.round(process.memoryUsage().heapUsed / 2 ** 20)
  const signed = options['no-index'] ? 0 : countSigned(store)
  const kept = store.finished('inputs').length
  const row: StageFigures = { repositories: inputs.length, kept, signed, peakMiB, heapMiB, seconds }
  process.stdout.write(JSON.stringify(row) + '\n')
}

function countSigned(store: RunStore): number {
  return store
    .finished('signatures')
    .reduce((sum, id) => sum + store.read('signatures', id, signaturesSchema).files.length, 0)
}

/** So many folders, each one of the sources with other words in every file, so that no two are alike. */
async function writeVariants(folder: string, sources: readonly string[], count: number): Promise<void> {
  const blobs = new Map<string, Uint8Array>()
  const put = (bytes: Uint8Array): string => {
    const digest = sha256Hex(bytes)
    blobs.set(digest, bytes)
    return digest
  }
  for (const [at, path] of sources.entries()) {
    const { snapshot } = await groundWithSignatures(path, groundingOptionsSchema.parse({}), { put })
    for (let variant = at; variant < count; variant += sources.length) {
      const target = join(folder, `${basename(path)}-${variant}`)
      for (const file of snapshot.files) {
        mkdirSync(dirname(join(target, file.path)), { recursive: true })
        const text = new TextDecoder().decode(blobs.get(file.blob))
        // Every fourth word that stands alone in lower case takes the variant's number.
        let words = 0
        writeFileSync(
          join(target, file.path),
          text.replace(/\b[a-z]{5,12}\b/g, (word) => (++words % 4 === 0 ? `${word}${variant}` : word)),
        )
      }
    }
    blobs.clear()
  }
}

await main()
