import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { test } from '../suite.js'
import * as assert from 'uvu/assert'

// nvcc's report of each kernel. A kernel that spills registers computes the right values at half the speed or less, which
// no other test would notice.

const root = process.env.RETRACE_ROOT ?? process.cwd()
const kernels = join(root, 'native/kernels')
const architectures = ['80', '90a']
const registersPerMultiprocessor = 65_536
const leastKernels = 27 // for each architecture: those of elementwise, gemm, attention and head
const nvcc = [
  ...(process.env.CUDA_HOME === undefined ? [] : [join(process.env.CUDA_HOME, 'bin')]),
  ...(process.env.PATH ?? '').split(delimiter),
  '/usr/local/cuda/bin',
]
  .map((folder) => join(folder, 'nvcc'))
  .find((path) => existsSync(path))

/** One kernel as ptxas reports it, with the launch bounds of its PTX. */
interface KernelReport {
  name: string
  architecture: string
  registers: number
  spillStoresBytes: number
  spillLoadsBytes: number
  /** Threads of a block, and blocks that are meant to share a multiprocessor. */
  threads: number
  blocks: number
}

function run(command: string, args: string[], cwd: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = spawn(command, args, { cwd })
    let output = ''
    child.stdout.on('data', (chunk) => (output += chunk))
    child.stderr.on('data', (chunk) => (output += chunk))
    child.on('error', reject)
    child.on('close', (code) => {
      if (code === 0) resolve(output)
      else reject(new Error(`${command} ${args.join(' ')}: exit code ${code}\n${output}`))
    })
  })
}

/** Compiles one source for one architecture in a folder of its own, and reads the report and the PTX that nvcc keeps. */
async function compile(source: string, architecture: string): Promise<KernelReport[]> {
  const folder = mkdtempSync(join(tmpdir(), 'compiler-report-'))
  try {
    const target = `arch=compute_${architecture},code=sm_${architecture}`
    const definitions = source.startsWith('hopper') ? ['-DRETRACE_HOPPER'] : []
    const args = ['-std=c++17', '-O3', '-gencode', target, '-Xptxas', '-v', '--keep', ...definitions]
    const output = await run(nvcc!, [...args, '-cubin', join(kernels, source)], folder)
    const ptx = readdirSync(folder).find((name) => name.endsWith('.ptx'))
    assert.ok(ptx, `nvcc kept no PTX of ${source}`)
    return readReport(output, readFileSync(join(folder, ptx), 'utf8'), architecture)
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function readReport(output: string, ptx: string, architecture: string): KernelReport[] {
  return output
    .split(/Compiling entry function /)
    .slice(1)
    .map((text) => {
      const number = (pattern: RegExp): number => Number(pattern.exec(text)?.[1] ?? NaN)
      const name = /'(\w+)'/.exec(text)?.[1] ?? ''
      // `.entry name( parameters ) .maxntid 128, 1, 1 .minnctapersm 2 {`
      const bounds = new RegExp(`\\.entry ${name}\\([^)]*\\)([^{]*)\\{`).exec(ptx)?.[1] ?? ''
      return {
        name,
        architecture,
        registers: number(/Used (\d+) registers/),
        spillStoresBytes: number(/(\d+) bytes spill stores/),
        spillLoadsBytes: number(/(\d+) bytes spill loads/),
        threads: Number(/\.maxntid (\d+)/.exec(bounds)?.[1] ?? NaN),
        blocks: Number(/\.minnctapersm (\d+)/.exec(bounds)?.[1] ?? 1),
      }
    })
}

/** What is wrong with a kernel, in words; nothing where all is well. */
function problemsOf({ name, architecture, registers, threads, blocks, ...spilled }: KernelReport): string[] {
  const kernel = `${name} for sm_${architecture}`
  if (!(threads > 0)) return [`${kernel}: no launch bounds in its PTX`]
  const problems: string[] = []
  if (spilled.spillStoresBytes !== 0 || spilled.spillLoadsBytes !== 0) {
    problems.push(
      `${kernel}: ${spilled.spillStoresBytes} bytes spill stores, ${spilled.spillLoadsBytes} bytes spill loads, expected 0`,
    )
  }
  // A warp gets its registers in steps of 8 a thread.
  const taken = Math.ceil(registers / 8) * 8 * threads * blocks
  if (!(taken <= registersPerMultiprocessor)) {
    problems.push(
      `${kernel}: ${registers} registers x ${threads} threads x ${blocks} blocks, ` +
        `expected at most ${registersPerMultiprocessor} in all`,
    )
  }
  return problems
}

test('the report of a compiler that spills is read as such', () => {
  const output = `ptxas info    : Compiling entry function '_Z4slowv' for 'sm_80'
ptxas info    : Function properties for _Z4slowv
    16 bytes stack frame, 12 bytes spill stores, 8 bytes spill loads
ptxas info    : Used 255 registers, used 1 barriers, 440 bytes cmem[0]\n`
  const ptx = '.visible .entry _Z4slowv(\n.param .u64 a\n)\n.maxntid 256, 1, 1\n.minnctapersm 2\n{ }'
  const [report] = readReport(output, ptx, '80')
  assert.equal(report, {
    name: '_Z4slowv',
    architecture: '80',
    registers: 255,
    spillStoresBytes: 12,
    spillLoadsBytes: 8,
    threads: 256,
    blocks: 2,
  })
  assert.equal(problemsOf(report!), [
    '_Z4slowv for sm_80: 12 bytes spill stores, 8 bytes spill loads, expected 0',
    '_Z4slowv for sm_80: 255 registers x 256 threads x 2 blocks, expected at most 65536 in all',
  ])
})

const name = 'no kernel spills registers, and all fit their launch bounds, for sm_80 and sm_90a'
if (nvcc === undefined) {
  process.stdout.write(`skipped: ${name}: no nvcc in CUDA_HOME or PATH\n`)
  test.skip(name)
} else {
  test(name, async () => {
    const sources = readdirSync(kernels).filter((file) => file.endsWith('.cu') && file !== 'cuda_device.cu')
    const jobs = architectures.flatMap((architecture) =>
      sources
        .filter((source) => !source.startsWith('hopper') || architecture === '90a')
        .map((source) => ({ source, architecture })),
    )
    const reports: KernelReport[] = []
    const work = async (): Promise<void> => {
      for (let job = jobs.pop(); job !== undefined; job = jobs.pop()) {
        reports.push(...(await compile(job.source, job.architecture)))
      }
    }
    await Promise.all([work(), work()])
    assert.equal(reports.flatMap(problemsOf), [])
    for (const architecture of architectures) {
      const seen = reports.filter((report) => report.architecture === architecture).length
      assert.ok(seen >= leastKernels, `sm_${architecture}: ${seen} kernels reported, expected at least ${leastKernels}`)
    }
  })
}

test.run()
