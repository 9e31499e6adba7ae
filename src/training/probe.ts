import { availableParallelism, freemem } from 'node:os'
import { delimiter, join } from 'node:path'
import { z } from 'zod'
import { packageRoot, readFileIfPresent, sha256Hex } from '../core/index.js'
import { TrainingError } from './errors.js'
import type { Requirements } from './make-environment.js'
import { runProcess } from './run-process.js'

const versionSchema = z.string().nullable()

/** The answer of `python -m retrace_train.probe`: an interpreter and its machine. */
const probeSchema = z.object({
  python: z.string(),
  torch: versionSchema,
  transformers: versionSchema,
  pyarrow: versionSchema,
  trl: versionSchema,
  cuda: z.array(z.object({ name: z.string(), memoryBytes: z.number().positive() })),
  cpuCount: z.int().positive(),
  /** Memory that a process may still use, within the limits of its container. */
  availableBytes: z.number().nonnegative(),
  varlenAttention: z.boolean(),
})
type PythonProbe = z.infer<typeof probeSchema>

/** The part of a probe that decides how many processes start and how much memory they have. */
export type Machine = Pick<PythonProbe, 'cuda' | 'cpuCount' | 'availableBytes'>

/** This machine as far as Node can tell: without its GPUs. */
export function machineWithoutProbe(): Machine {
  return { cuda: [], cpuCount: availableParallelism(), availableBytes: freemem() }
}

/** Folder that holds the Python packages `retrace_train` and `retrace_eval`. */
function pythonFolder(): string {
  return join(packageRoot(), 'python')
}

/** The pinned packages that training and evaluation need. */
export function readRequirements(extras: 'trl' | undefined): Requirements {
  const names = ['requirements.txt', ...(extras === undefined ? [] : [`requirements-${extras}.txt`])]
  return names.map((name) => {
    const path = join(pythonFolder(), 'retrace_train', name)
    return { name, path, digest: sha256Hex(readFileIfPresent(path) ?? '') }
  })
}

/**
 * Keeps Python (3.11 or later) from importing modules of the folder that it is started in: a repository may hold a
 * `torch.py`, which would run instead of the real module.
 */
export const noLocalModules = { PYTHONSAFEPATH: '1' } as const

/** Environment variables with which Python finds our packages and writes nothing into their folder. */
export function pythonEnv(): Record<string, string> {
  const given = process.env['PYTHONPATH']
  return {
    PYTHONPATH: [pythonFolder(), ...(given === undefined || given === '' ? [] : [given])].join(delimiter),
    PYTHONDONTWRITEBYTECODE: '1',
    PYTHONUNBUFFERED: '1',
    ...noLocalModules,
  }
}

// The first import of PyTorch from a cold disk takes a minute.
const probeTimeoutMs = 300_000

/** @throws TrainingError `PYTHON_MISSING`, or the signal's reason */
export async function probePython(python: string, signal?: AbortSignal): Promise<PythonProbe> {
  const env = { ...process.env, ...pythonEnv() }
  const end = await runProcess([python, '-m', 'retrace_train.probe'], { env, signal, timeoutMs: probeTimeoutMs })
  signal?.throwIfAborted()
  const found = parseProbe(end.stdout)
  if (found !== null) return found
  const why = end.startError === null ? `it ended with ${end.code ?? 'a signal'}: ${end.tail}` : end.startError.message
  throw new TrainingError('PYTHON_MISSING', `${python} does not answer as a Python would: ${why}. Check --python.`)
}

function parseProbe(stdout: string): PythonProbe | null {
  try {
    return probeSchema.parse(JSON.parse(stdout))
  } catch {
    return null
  }
}

/** Oldest releases that have what the loop uses: FSDP2 with its state dicts, and attention functions by name. */
const oldestVersions = { torch: [2, 6], transformers: [5, 0], pyarrow: [0, 0], trl: [1, 0] } as const
type Module = keyof typeof oldestVersions

/** @throws TrainingError `PYTHON_INCOMPLETE` naming the modules that an interpreter lacks */
export function checkModules(python: string, probe: PythonProbe, extras: 'trl' | undefined): void {
  const lacks = missingModules(probe, extras)
  if (lacks === null) return
  const files = readRequirements(extras).map(({ path }) => `-r ${path}`)
  const message = `${python} cannot train: ${lacks}. Run ${python} -m pip install ${files.join(' ')}, or name another Python.`
  throw new TrainingError('PYTHON_INCOMPLETE', message, { python, lacks })
}

function missingModules(probe: PythonProbe, extras: 'trl' | undefined): string | null {
  const needed: Module[] = ['torch', 'transformers', 'pyarrow', ...(extras === undefined ? [] : [extras])]
  const lacks = needed.flatMap((name) => {
    const version = probe[name]
    if (version === null) return [`${name} is missing`]
    return isOlder(version, oldestVersions[name])
      ? [`${name} is ${version}, needed is ${oldestVersions[name].join('.')} or later`]
      : []
  })
  return lacks.length === 0 ? null : lacks.join('; ')
}

function isOlder(version: string, [major, minor]: readonly [number, number]): boolean {
  const [, first, second] = /^(\d+)\.(\d+)/.exec(version) ?? []
  if (first === undefined) return false
  return Number(first) < major || (Number(first) === major && Number(second) < minor)
}
