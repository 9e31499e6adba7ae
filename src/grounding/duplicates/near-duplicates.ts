import { z } from 'zod'
import { SIGNATURE_BYTES, similarityOf } from './minhash.js'

/** A source file's signature; files that are too short have none and are not in the list, nor are texts and licences. */
export const fileSignatureSchema = z.strictObject({
  path: z.string(),
  sizeBytes: z.int(),
  /** `SIGNATURE_BYTES` bytes as base64. */
  signature: z.base64(),
})
export type FileSignature = z.infer<typeof fileSignatureSchema>

/** A repository's signatures; the index is built again of these when a run goes on. */
export const signaturesSchema = z.strictObject({ id: z.string(), files: z.array(fileSignatureSchema) })
export type RepositorySignatures = z.infer<typeof signaturesSchema>

/** Which files of a repository are near-duplicates of files in earlier ones. */
export const duplicatesSchema = z.strictObject({
  id: z.string(),
  /** Of the bytes of source that have a signature, 0 to 1. */
  share: z.number(),
  files: z.array(
    z.strictObject({
      path: z.string(),
      of: z.strictObject({ repository: z.string(), path: z.string() }),
      /** Estimated Jaccard similarity of token 5-grams. */
      similarity: z.number(),
    }),
  ),
})
export type Duplicates = z.infer<typeof duplicatesSchema>

/** 16 bands of 8 bins: at a similarity of 0.85 a pair shares a band in 99.4 of 100 cases, at 0.5 in 6. */
const BANDS = 16
const BAND_BYTES = SIGNATURE_BYTES / BANDS
/** Files that one file is compared with at most; the earliest come last in a chain, so a crowd costs only accuracy. */
const MAX_COMPARED = 2_000
const FIRST_CAPACITY = 1_024

interface Match {
  file: number
  similarity: number
}

/**
 * Files of earlier repositories by their signatures, with locality-sensitive hashing. Only files that are like none
 * before are put in, so a file that a thousand repositories copy is there once.
 *
 * Memory, in typed arrays: for each place 128 bytes of signature, 64 of links in the chains of 16 bands, 64 of the
 * tables' heads, 4 for the repository. Places double, so a million files take 260 to 520 MB, and half as much again for
 * a moment where it grows; the paths are beside that, as strings.
 */
export class NearDuplicateIndex {
  private count = 0
  private signatures = new Uint8Array(FIRST_CAPACITY * SIGNATURE_BYTES)
  /** Of each file and band, the file before it in its chain, plus one. */
  private next = new Uint32Array(FIRST_CAPACITY * BANDS)
  /** Of each band and bucket, the last file in it, plus one. */
  private heads = new Uint32Array(FIRST_CAPACITY * BANDS)
  private repositoryOf = new Uint32Array(FIRST_CAPACITY)
  private readonly paths: string[] = []
  private readonly repositories: string[] = []

  constructor(private readonly threshold: number) {}

  /** Bytes of the index's arrays. */
  get sizeBytes(): number {
    return this.signatures.length + 4 * (this.next.length + this.heads.length + this.repositoryOf.length)
  }

  /** What of a repository was there before it. Changes nothing. */
  find({ id, files }: RepositorySignatures): Duplicates {
    const found: Duplicates['files'] = []
    let [sourceBytes, duplicateBytes] = [0, 0]
    for (const { path, sizeBytes, signature } of files) {
      const match = this.nearest(bytesOf(signature))
      sourceBytes += sizeBytes
      if (match === null) continue
      duplicateBytes += sizeBytes
      const repository = this.repositories[this.repositoryOf[match.file] as number] as string
      const of = { repository, path: this.paths[match.file] as string }
      found.push({ path, of, similarity: Math.round(match.similarity * 1000) / 1000 })
    }
    return { id, share: sourceBytes === 0 ? 0 : duplicateBytes / sourceBytes, files: found }
  }

  /** Makes a repository one of the earlier ones. */
  add({ id, files }: RepositorySignatures): void {
    this.repositories.push(id)
    for (const { path, signature } of files) {
      const bytes = bytesOf(signature)
      if (this.nearest(bytes) === null) this.insert(path, bytes)
    }
  }

  private nearest(signature: Uint8Array): Match | null {
    let best: Match | null = null
    let compared = 0
    const seen = new Set<number>()
    for (let band = 0; band < BANDS; band++) {
      const bucket = this.bucketOf(signature, 0, band)
      if (bucket === null) continue
      for (let link = this.heads[bucket] as number; link !== 0; link = this.next[(link - 1) * BANDS + band] as number) {
        const file = link - 1
        if (seen.has(file)) continue
        seen.add(file)
        if (compared++ >= MAX_COMPARED) return best
        const similarity = similarityOf(signature, this.signatures, 0, file * SIGNATURE_BYTES)
        // Of equally near ones the earliest, whichever chain it stands in.
        const isNearer =
          best === null || similarity > best.similarity || (similarity === best.similarity && file < best.file)
        if (similarity >= this.threshold && isNearer) best = { file, similarity }
      }
    }
    return best
  }

  private insert(path: string, signature: Uint8Array): void {
    if (this.count === this.repositoryOf.length) this.grow()
    const file = this.count++
    this.signatures.set(signature, file * SIGNATURE_BYTES)
    this.repositoryOf[file] = this.repositories.length - 1
    this.paths.push(path)
    this.link(file)
  }

  private link(file: number): void {
    for (let band = 0; band < BANDS; band++) {
      const bucket = this.bucketOf(this.signatures, file * SIGNATURE_BYTES, band)
      if (bucket === null) continue
      this.next[file * BANDS + band] = this.heads[bucket] as number
      this.heads[bucket] = file + 1
    }
  }

  /** Where a band of a signature hangs; `null` where all its bins are empty, which says nothing. */
  private bucketOf(signatures: Uint8Array, start: number, band: number): number | null {
    let [hash, any] = [0x811c9dc5, 0]
    for (let at = start + band * BAND_BYTES; at < start + (band + 1) * BAND_BYTES; at++) {
      const byte = signatures[at] as number
      any |= byte
      hash = Math.imul(hash ^ byte, 0x01000193)
    }
    if (any === 0) return null
    const buckets = this.heads.length / BANDS
    return band * buckets + (((hash ^ (hash >>> 15)) >>> 0) & (buckets - 1))
  }

  private grow(): void {
    const capacity = this.repositoryOf.length * 2
    this.signatures = copyInto(new Uint8Array(capacity * SIGNATURE_BYTES), this.signatures)
    this.repositoryOf = copyInto(new Uint32Array(capacity), this.repositoryOf)
    this.next = new Uint32Array(capacity * BANDS)
    this.heads = new Uint32Array(capacity * BANDS)
    for (let file = 0; file < this.count; file++) this.link(file)
  }
}

function copyInto<A extends Uint8Array | Uint32Array>(to: A, from: A): A {
  to.set(from)
  return to
}

function bytesOf(signature: string): Uint8Array {
  const bytes = Buffer.from(signature, 'base64')
  if (bytes.length !== SIGNATURE_BYTES) throw new RangeError(`A signature of ${bytes.length} bytes.`)
  return bytes
}
