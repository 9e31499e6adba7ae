import { createRequire } from 'node:module'
import correct from 'spdx-correct'
import parse from 'spdx-expression-parse'
import satisfies from 'spdx-satisfies'

type Expression = ReturnType<typeof parse>

/** The licence that the words of a manifest name. */
export interface ReadLicence {
  expression: string
  /** Whether the words are SPDX or the licence's full name; else the expression is a guess, such as for `BSD`. */
  exact: boolean
}

const maxWordsChars = 300
/** Words for several licences, or for none. */
const severalOrNone = /[;&|]|,(?! ?v(?:ersion)?\b)|\b(?:and|or|not|non|no|except)\b/i

/** For npm's word `UNLICENSED`: it grants no licence, although it looks like The Unlicense. */
const notLicensed = 'LicenseRef-not-licensed'

/** The words of a manifest as an SPDX expression; `null` where they name no licence. */
export function readLicence(text: string): ReadLicence | null {
  const words = text.trim()
  if (words === '' || words.length > maxWordsChars) return null
  if (/^unlicensed$/i.test(words)) return { expression: notLicensed, exact: true }
  // Cargo's older form; its slash means OR.
  const joined = words.replace(/\s{0,4}\/\s{0,4}/g, ' OR ')
  for (const candidate of [words, joined]) {
    const canonical = canonicalExpression(candidate)
    if (canonical !== null) return { expression: canonical, exact: true }
  }
  const named = idByName().get(foldName(words))
  if (named !== undefined) return { expression: named, exact: true }
  // For a list or a negation (`GPL-3.0, MIT`, `not MIT`), a guess would take one word and ignore the others.
  if (joined !== words || severalOrNone.test(words.replace(/\bor (?:any )?(?:later|newer)\b/i, ''))) return null
  const guess = correct(words)
  return guess === null ? null : { expression: guess, exact: false }
}

/** The expression in SPDX's spelling, without needless parentheses; `null` where the text is no expression. */
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

/** Joins distinct expressions to one. Empty for none. */
export function joinExpressions(expressions: readonly string[], by: 'AND' | 'OR'): string {
  const distinct = [...new Set(expressions)]
  const [only] = distinct
  if (distinct.length <= 1) return only ?? ''
  return distinct
    .map((expression) => (expression.includes(by === 'AND' ? ' OR ' : ' AND ') ? `(${expression})` : expression))
    .join(` ${by} `)
}

/** Whether a text is a single licence, with an exception or without. */
export function isLicenceId(text: string): boolean {
  const tree = parseOrNull(text)
  return tree !== null && !('conjunction' in tree)
}

/**
 * Whether the licences of a list satisfy an expression. An unknown licence is not allowed. Walks the tree here and gives
 * only its leaves to `spdx-satisfies`, which expands a whole expression: with thirty pairs in parentheses in a hostile
 * manifest it would never end.
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

/** Ids by their names in SPDX's list: `spdx-correct` reads "Eclipse Public License - v 2.0" as the first version. */
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
