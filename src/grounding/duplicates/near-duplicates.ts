import { z } from 'zod'
import { fnv1a, fnv1aStart } from '../../core/index.js'
import { signatureBytes, similarityOf } from './minhash.js'

/** The signature of a source file. Files that are too short, texts and licences have none. */
const fileSignatureSchema = z.strictObject({
  path: z.string(),
  sizeBytes: z.int(),
  /** `signatureBytes` bytes as base64. */
  signature: z.base64(),
})
export type FileSignature = z.infer<typeof fileSignatureSchema>

/** The signatures of a repository; a resumed run rebuilds the index from these. */
export const signaturesSchema = z.strictObject({ id: z.string(), files: z.array(fileSignatureSchema) })
export type RepositorySignatures = z.infer<typeof signaturesSchema>

/** Which files of a repository are near-duplicates of files in earlier ones. */
export const duplicatesSchema = z.strictObject({
  id: z.string(),
  /** The share of near-duplicates in the bytes of all files with a signature, 0 to 1. */
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
const bands = 16
const bandBytes = signatureBytes / bands
/** The most files that a file is compared with. Chains begin with the latest files, so a crowd only costs accuracy. */
const maxCompared = 2_000
const firstCapacity = 1_024

interface Match {
  file: number
  similarity: number
}

/**
 * Files of earlier repositories by their signatures, with locality-sensitive hashing. A file that is a near-duplicate of
 * an earlier file is not added, so a file that a thousand repositories copy is there once.
 *
 * Memory, in typed arrays: for each place 128 bytes of signature, 64 for links in the chains of 16 bands, 64 for the
 * heads of the chains, 4 for the repository. Places double when they are full, so a million files take 260 to 520 MB, and
 * half as much more while they grow. The paths are strings in addition.
 */
export class NearDuplicateIndex {
  readonly #threshold: number
  #count = 0
  #signatures = new Uint8Array(firstCapacity * signatureBytes)
  /** For each file and band, the next file of its chain, which is an earlier file, plus one; 0 at the end. */
  #next = new Uint32Array(firstCapacity * bands)
  /** For each band and bucket, the first file of its chain, plus one; 0 where it is empty. */
  #heads = new Uint32Array(firstCapacity * bands)
  #repositoryOf = new Uint32Array(firstCapacity)
  readonly #paths: string[] = []
  readonly #repositories: string[] = []

  constructor(threshold: number) {
    this.#threshold = threshold
  }

  /** Bytes of the index's arrays. */
  get sizeBytes(): number {
    return this.#signatures.length + 4 * (this.#next.length + this.#heads.length + this.#repositoryOf.length)
  }

  /** The near-duplicates of earlier files in a repository. Changes nothing. */
  find({ id, files }: RepositorySignatures): Duplicates {
    const found: Duplicates['files'] = []
    let [sourceBytes, duplicateBytes] = [0, 0]
    for (const { path, sizeBytes, signature } of files) {
      const match = this.#nearest(bytesOf(signature))
      sourceBytes += sizeBytes
      if (match === null) continue
      duplicateBytes += sizeBytes
      const repository = this.#repositories[this.#repositoryOf[match.file] as number] as string
      const of = { repository, path: this.#paths[match.file] as string }
      found.push({ path, of, similarity: Math.round(match.similarity * 1000) / 1000 })
    }
    return { id, share: sourceBytes === 0 ? 0 : duplicateBytes / sourceBytes, files: found }
  }

  /** Adds a repository to the earlier repositories. */
  add({ id, files }: RepositorySignatures): void {
    this.#repositories.push(id)
    for (const { path, signature } of files) {
      const bytes = bytesOf(signature)
      if (this.#nearest(bytes) === null) this.#insert(path, bytes)
    }
  }

  #nearest(signature: Uint8Array): Match | null {
    let best: Match | null = null
    let compared = 0
    const seen = new Set<number>()
    for (let band = 0; band < bands; band++) {
      const bucket = this.#bucketOf(signature, 0, band)
      if (bucket === null) continue
      for (
        let link = this.#heads[bucket] as number;
        link !== 0;
        link = this.#next[(link - 1) * bands + band] as number
      ) {
        const file = link - 1
        if (seen.has(file)) continue
        seen.add(file)
        if (compared++ >= maxCompared) return best
        const similarity = similarityOf(signature, this.#signatures, 0, file * signatureBytes)
        // Of equally similar files the earliest, in whichever chain it stands.
        const isNearer =
          best === null || similarity > best.similarity || (similarity === best.similarity && file < best.file)
        if (similarity >= this.#threshold && isNearer) best = { file, similarity }
      }
    }
    return best
  }

  #insert(path: string, signature: Uint8Array): void {
    if (this.#count === this.#repositoryOf.length) this.#grow()
    const file = this.#count++
    this.#signatures.set(signature, file * signatureBytes)
    this.#repositoryOf[file] = this.#repositories.length - 1
    this.#paths.push(path)
    this.#link(file)
  }

  #link(file: number): void {
    for (let band = 0; band < bands; band++) {
      const bucket = this.#bucketOf(this.#signatures, file * signatureBytes, band)
      if (bucket === null) continue
      this.#next[file * bands + band] = this.#heads[bucket] as number
      this.#heads[bucket] = file + 1
    }
  }

  /** The bucket of a band of a signature; `null` where all its bins are empty, which proves no similarity. */
  #bucketOf(signatures: Uint8Array, start: number, band: number): number | null {
    let [hash, any] = [fnv1aStart, 0]
    for (let at = start + band * bandBytes; at < start + (band + 1) * bandBytes; at++) {
      const byte = signatures[at] as number
      any |= byte
      hash = fnv1a(hash, byte)
    }
    if (any === 0) return null
    const buckets = this.#heads.length / bands
    return band * buckets + (((hash ^ (hash >>> 15)) >>> 0) & (buckets - 1))
  }

  #grow(): void {
    const capacity = this.#repositoryOf.length * 2
    this.#signatures = copyInto(new Uint8Array(capacity * signatureBytes), this.#signatures)
    this.#repositoryOf = copyInto(new Uint32Array(capacity), this.#repositoryOf)
    this.#next = new Uint32Array(capacity * bands)
    this.#heads = new Uint32Array(capacity * bands)
    for (let file = 0; file < this.#count; file++) this.#link(file)
  }
}

function copyInto<A extends Uint8Array | Uint32Array>(to: A, from: A): A {
  to.set(from)
  return to
}

function bytesOf(signature: string): Uint8Array {
  const bytes = Buffer.from(signature, 'base64')
  if (bytes.length !== signatureBytes) throw new RangeError(`A signature of ${bytes.length} bytes.`)
  return bytes
}
