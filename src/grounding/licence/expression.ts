import { createRequire } from 'node:module'
import correct from 'spdx-correct'
import parse from 'spdx-expression-parse'
import satisfies from 'spdx-satisfies'

type Expression = ReturnType<typeof parse>

/** What a manifest's word for its licence comes to. */
export interface ReadLicence {
  expression: string
  /** Whether it was written as SPDX or is the licence's full name; else it is a guess, as `BSD` is. */
  exact: boolean
}

const MAX_SAID_CHARS = 300
const severalOrNone = /[;&|]|,(?! ?v(?:ersion)?\b)|\b(?:and|or|not|non|no|except)\b/i

/** npm's word for "no licence is given", which reads like The Unlicense and means its opposite. */
const NOT_LICENSED = 'LicenseRef-not-licensed'

/** A manifest's own words as an SPDX expression; `null` where they name no licence. */
export function readLicence(said: string): ReadLicence | null {
  const words = said.trim()
  if (words === '' || words.length > MAX_SAID_CHARS) return null
  if (/^unlicensed$/i.test(words)) return { expression: NOT_LICENSED, exact: true }
  // Cargo's older form; its slash means OR.
  const joined = words.replace(/\s{0,4}\/\s{0,4}/g, ' OR ')
  for (const candidate of [words, joined]) {
    const canonical = canonicalExpression(candidate)
    if (canonical !== null) return { expression: canonical, exact: true }
  }
  const named = idByName().get(foldName(words))
  if (named !== undefined) return { expression: named, exact: true }
  // Of a list or a denial (`GPL-3.0, MIT`, `not MIT`) a guess would take one word and drop the others.
  if (joined !== words || severalOrNone.test(words.replace(/\bor (?:any )?(?:later|newer)\b/i, ''))) return null
  const guess = correct(words)
  return guess === null ? null : { expression: guess, exact: false }
}

/** The expression in SPDX's spelling, without parentheses that say nothing; `null` where it is none. */
function canonicalExpression(text: string): string | null {
  const tree = parseOrNull(text)
  return tree === null ? null : write(tree)
}

function parseOrNull(text: string): Expression | null {
  try {
    return parse(text)
  } catch {
    return null
  }
}

function write(tree: Expression, within: 'and' | 'or' | null = null): string {
  if ('conjunction' in tree) {
    const joined = [tree.left, tree.right]
      .map((side) => write(side, tree.conjunction))
      .join(` ${tree.conjunction.toUpperCase()} `)
    return within === null || within === tree.conjunction ? joined : `(${joined})`
  }
  return currentId(tree.license, tree.plus === true) + (tree.exception === undefined ? '' : ` WITH ${tree.exception}`)
}

/** GNU's ids without `-only` and `-or-later` are deprecated. */
function currentId(id: string, plus: boolean): string {
  if (/^[AL]?GPL-\d\.\d$/.test(id)) return id + (plus ? '-or-later' : '-only')
  return plus ? `${id}+` : id
}

/** One expression of several; the same one twice counts once. Empty for none. */
export function joinExpressions(expressions: readonly string[], by: 'AND' | 'OR'): string {
  const distinct = [...new Set(expressions)]
  const [only] = distinct
  if (distinct.length <= 1) return only ?? ''
  return distinct.map((one) => (one.includes(by === 'AND' ? ' OR ' : ' AND ') ? `(${one})` : one)).join(` ${by} `)
}

/** A licence by itself, with its exception where it has one. */
export function isLicenceId(text: string): boolean {
  const tree = parseOrNull(text)
  return tree !== null && !('conjunction' in tree)
}

/**
 * Whether the licences of a list are enough for an expression. What is unknown is not allowed. The tree is walked here
 * and only its leaves are asked of `spdx-satisfies`, which multiplies out a whole expression: thirty pairs in
 * parentheses in a hostile manifest would never end.
 */
export function isAllowed(expression: string, allow: readonly string[]): boolean {
  const tree = parseOrNull(expression)
  const holds = (node: Expression): boolean => {
    if (!('conjunction' in node)) return satisfies(write(node), [...allow])
    return node.conjunction === 'or' ? holds(node.left) || holds(node.right) : holds(node.left) && holds(node.right)
  }
  return tree !== null && holds(tree)
}

let idsByFoldedName: Map<string, string> | undefined

/** Ids by the names that SPDX gives them: `spdx-correct` takes "Eclipse Public License - v 2.0" for the first version. */
function idByName(): Map<string, string> {
  if (idsByFoldedName !== undefined) return idsByFoldedName
  const list = createRequire(import.meta.url)('spdx-license-list') as Record<string, { name: string }>
  idsByFoldedName = new Map(
    Object.entries(list).flatMap(([id, { name }]) => {
      const expression = canonicalExpression(id)
      return expression === null ? [] : [[foldName(name), expression] as const]
    }),
  )
  return idsByFoldedName
}

/** `The Apache License, Version 2.0` and `Apache License 2.0 (Apache-2.0)` become `apache 2.0`. */
function foldName(name: string): string {
  return name
    .toLowerCase()
    .replace(/\([^)]{0,60}\)/g, ' ')
    .replace(/\bv(?:ersion)?\.? ?(?=\d)/g, ' ')
    .replace(/[^a-z0-9.]+/g, ' ')
    .replace(/\b(?:the|licen[cs]e|software)\b/g, ' ')
    .replace(/ +/g, ' ')
    .trim()
}
