import { beginningOf, cutAt, fold } from './text.js'

const maxSignatureChars = 200

/** Code as one line: white space folded, cut where it is too long. */
export function signatureOf(code: string): string {
  return cutAt(fold(code), maxSignatureChars)
}

/**
 * `signatureOf` for languages with the comments of C, without the comments: in one line, a `//` comment would hide the
 * code after it.
 */
export const signatureOfCode = (code: string): string =>
  signatureOf(
    beginningOf(code).replace(/("(?:[^"\\\n]|\\.)*"|'(?:[^'\\\n]|\\.)*'|`[^`]*`)|\/\/[^\n]*|\/\*[\s\S]*?\*\//g, '$1'),
  )

/** A declaration cut before its value, without the `=` and a comment for a bundler after it. */
export const withoutAssignment = (code: string): string => {
  const tail = Math.max(0, code.length - 2_000)
  return code.slice(0, tail) + code.slice(tail).replace(/=\s*(\/\*[\s\S]*?\*\/\s*)?$/, '')
}
