import { createHash } from 'node:crypto'

/** SHA-256 of bytes or of UTF-8 text, as 64 lower-case hex digits. */
export function sha256Hex(data: Uint8Array | string): string {
  return createHash('sha256').update(data).digest('hex')
}

/**
 * JSON with the keys of every object in code-unit order and no white space, so that equal values have equal bytes.
 *
 * Keys whose value is `undefined` are left out, as `JSON.stringify` does.
 */
export function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, inner: unknown) => {
    if (inner === null || typeof inner !== 'object' || Array.isArray(inner)) return inner
    return Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)))
  })
}

/** Digest of any JSON value, independent of the order of its keys. */
export function digestOf(value: unknown): string {
  return sha256Hex(canonicalJson(value))
}

/** The start of a 32-bit FNV-1a hash, to which `fnv1a` adds. */
export const fnv1aStart = 0x811c9dc5

/**
 * Adds one byte or UTF-16 unit to a 32-bit FNV-1a hash (Fowler, Noll, Vo). The result is a signed integer, for speed;
 * `>>> 0` makes it unsigned.
 */
export const fnv1a = (hash: number, unit: number): number => Math.imul(hash ^ unit, 0x01000193)
