import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import { z } from 'zod'
import { ModelError } from './errors.js'

const bytesPerElement = { F64: 8, F32: 4, F16: 2, BF16: 2, I64: 8, I32: 4, I16: 2, I8: 1, U8: 1, BOOL: 1 } as const
export type TensorDtype = keyof typeof bytesPerElement

/** Where one tensor lies in a safetensors file. */
export interface TensorEntry {
  name: string
  dtype: TensorDtype
  shape: number[]
  /** Bytes `[start, end)` from the start of the file. */
  start: number
  end: number
}

const lengthBytes = 8
const maxHeaderBytes = 100_000_000

const entrySchema = z.looseObject({
  dtype: z.string(),
  shape: z.array(z.int().nonnegative()),
  data_offsets: z.tuple([z.int().nonnegative(), z.int().nonnegative()]),
})

/**
 * Reads and checks the header of a safetensors file; the weights themselves are not read.
 *
 * Layout: header length (u64, little endian), header (JSON), then the tensors back to back. From the format's own
 * description; every rule in it that a reader can rely on is checked here.
 *
 * @throws ModelError `MODEL_MISSING_FILE`, `MODEL_INVALID`
 */
export function readSafetensorsHeader(path: string): Map<string, TensorEntry> {
  const { header, sizeBytes, dataStart } = readHeaderBytes(path)
  let parsed: unknown
  try {
    parsed = JSON.parse(header)
  } catch (cause) {
    throw invalid(path, `its header is not JSON (${(cause as Error).message})`)
  }
  if (parsed === null || typeof parsed !== 'object' || Array.isArray(parsed))
    throw invalid(path, 'its header is no object')

  const entries = Object.entries(parsed)
    .filter(([name]) => name !== '__metadata__')
    .map(([name, value]) => toEntry(name, value, dataStart, path))
  checkCoverage(entries, dataStart, sizeBytes, path)
  return new Map(entries.map((entry) => [entry.name, entry]))
}

function readHeaderBytes(path: string): { header: string; sizeBytes: number; dataStart: number } {
  let file: number
  try {
    file = openSync(path, 'r')
  } catch (cause) {
    throw new ModelError(
      'MODEL_MISSING_FILE',
      `${path} cannot be opened (${(cause as NodeJS.ErrnoException).code}). Give a model folder that holds it.`,
      { path },
      { cause },
    )
  }
  try {
    const sizeBytes = fstatSync(file).size
    const length = Buffer.alloc(lengthBytes)
    if (readSync(file, length, 0, lengthBytes, 0) < lengthBytes)
      throw invalid(path, `it is cut off at ${sizeBytes} bytes`)
    const headerBytes = length.readBigUInt64LE()
    if (headerBytes > BigInt(maxHeaderBytes) || headerBytes > BigInt(sizeBytes - lengthBytes)) {
      throw invalid(path, `its header should have ${headerBytes} bytes and the file has ${sizeBytes}`)
    }
    const header = Buffer.alloc(Number(headerBytes))
    readSync(file, header, 0, header.length, lengthBytes)
    return { header: header.toString('utf8'), sizeBytes, dataStart: lengthBytes + header.length }
  } finally {
    closeSync(file)
  }
}

function toEntry(name: string, value: unknown, dataStart: number, path: string): TensorEntry {
  const result = entrySchema.safeParse(value)
  if (!result.success) throw invalid(path, `tensor ${name} is described wrongly (${result.error.issues[0]?.message})`)
  const { dtype, shape, data_offsets } = result.data
  if (!Object.hasOwn(bytesPerElement, dtype)) throw invalid(path, `tensor ${name} has the unknown dtype ${dtype}`)
  const sizeBytes = shape.reduce((product, size) => product * size, bytesPerElement[dtype as TensorDtype])
  const [start, end] = data_offsets
  if (end - start !== sizeBytes) {
    const form = `${dtype}[${shape.join(', ')}]`
    throw invalid(path, `tensor ${name} is ${form}, which takes ${sizeBytes} bytes, and has ${end - start}`)
  }
  return { name, dtype: dtype as TensorDtype, shape, start: dataStart + start, end: dataStart + end }
}

/** The tensors must fill the rest of the file: no overlap, no gap, nothing past the end. */
function checkCoverage(entries: TensorEntry[], dataStart: number, sizeBytes: number, path: string): void {
  let reached = dataStart
  for (const entry of [...entries].sort((a, b) => a.start - b.start || a.end - b.end)) {
    if (entry.start !== reached) {
      const what = entry.start < reached ? 'overlaps the tensor before it' : 'leaves a gap before it'
      throw invalid(path, `tensor ${entry.name} ${what} (starts at byte ${entry.start}, expected ${reached})`)
    }
    reached = entry.end
  }
  if (reached !== sizeBytes) {
    throw invalid(
      path,
      `its tensors end at byte ${reached} and the file has ${sizeBytes}${reached > sizeBytes ? ': it is cut off' : ''}`,
    )
  }
}

function invalid(path: string, why: string): ModelError {
  return new ModelError('MODEL_INVALID', `${path} is no whole safetensors file: ${why}. Fetch the file again.`, {
    path,
    why,
  })
}
