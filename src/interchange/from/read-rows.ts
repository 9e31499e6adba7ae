import { createReadStream } from 'node:fs'
import { readFile, stat } from 'node:fs/promises'
import { InterchangeError } from '../errors.js'
import { readParquetRows } from './read-parquet.js'
import type { Row } from './row.js'

/** Bytes of a line, or of a JSON file, above which it is left out: the bound on memory. */
const maxRowBytes = 256 * 2 ** 20

const readers: Record<string, (path: string, maxBytes: number) => AsyncGenerator<Row>> = {
  '.jsonl': readLines,
  '.ndjson': readLines,
  '.json': readDocument,
  '.parquet': readParquetRows,
}
/** Endings of the names of files that can be read. */
export const rowFileEndings = Object.keys(readers)

/**
 * The rows of a file, one by one: lines of JSON, a JSON document (each element of an array is a row), or Parquet.
 *
 * @throws InterchangeError `FILE_INVALID` where the file as a whole cannot be read
 */
export async function* readRows(path: string, maxBytes = maxRowBytes): AsyncGenerator<Row> {
  const ending = rowFileEndings.find((known) => path.toLowerCase().endsWith(known))
  if (ending === undefined) {
    throw new InterchangeError(
      'FILE_INVALID',
      `${path} has none of the endings ${rowFileEndings.join(', ')}, which say what is in a file. Rename it.`,
      { path },
    )
  }
  const read = readers[ending] as (typeof readers)[string]
  try {
    yield* read(path, maxBytes)
  } catch (cause) {
    if (cause instanceof InterchangeError) throw cause
    const { code, message } = cause as NodeJS.ErrnoException
    const why = code === 'ENOENT' ? 'does not exist' : `cannot be read: ${message}`
    throw new InterchangeError('FILE_INVALID', `${path} ${why}. Check the file.`, { path }, { cause })
  }
}

async function* readLines(path: string, maxBytes: number): AsyncGenerator<Row> {
  let line = 0
  let pieces: Buffer[] = []
  let length = 0
  const add = (piece: Buffer): void => {
    length += piece.length
    // A line that is too long is counted to its end, and not kept.
    if (length <= maxBytes) pieces.push(piece)
    else pieces = []
  }
  const take = (): Row | null => {
    line++
    const row = length > maxBytes ? tooLong(line, maxBytes) : rowOfText(Buffer.concat(pieces), line)
    pieces = []
    length = 0
    return row
  }
  for await (const chunk of createReadStream(path, { highWaterMark: 2 ** 20 }) as AsyncIterable<Buffer>) {
    let start = 0
    for (let end = chunk.indexOf(0x0a); end >= 0; end = chunk.indexOf(0x0a, start)) {
      add(chunk.subarray(start, end))
      start = end + 1
      const row = take()
      if (row !== null) yield row
    }
    add(chunk.subarray(start))
  }
  const last = length > 0 ? take() : null
  if (last !== null) yield last
}

async function* readDocument(path: string, maxBytes: number): AsyncGenerator<Row> {
  if ((await stat(path)).size > maxBytes) {
    yield tooLong(1, maxBytes)
    return
  }
  const row = rowOfText(await readFile(path), 1)
  if (row === null || !('value' in row) || !Array.isArray(row.value)) {
    yield row ?? { line: 1, reason: 'unreadable', message: 'it is empty' }
    return
  }
  for (const [index, value] of (row.value as unknown[]).entries()) yield { line: index + 1, value }
}

/** `null` for a blank line. */
function rowOfText(bytes: Uint8Array, line: number): Row | null {
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes)
    return text.trim() === '' ? null : { line, value: JSON.parse(text) as unknown }
  } catch (error) {
    const message = error instanceof SyntaxError ? 'it is not JSON' : 'it is not UTF-8 text'
    return { line, reason: 'unreadable', message }
  }
}

function tooLong(line: number, maxBytes: number): Row {
  return { line, reason: 'too-long', message: `it is longer than ${maxBytes} bytes` }
}
