import type { RepositorySnapshot } from '../../records/index.js'
import { GroundingError } from '../errors.js'
import { languageOf } from '../languages/language-of.js'
import { isAllowed, joinExpressions, readLicence } from './expression.js'
import { isLicenceManifest, licenceInManifest } from './manifests.js'
import { isLicenceFile, matchLicenceText } from './texts.js'

type Licence = RepositorySnapshot['licence']
type Evidence = Licence['evidence'][number]

/** What a repository's files say, before it is made one expression. */
interface Said extends Evidence {
  exact: boolean
}

/** Expressions that the tags in files may come to before nothing is said of the whole. */
const MAX_TAGGED = 8
const TAG_HEAD_CHARS = 1_000

/**
 * The licence of a whole repository, by what speaks first: the manifest at the root, licence files (at the root, else
 * in `LICENSES/`), tags where most source files have one, manifests below. A manifest's word that is a guess (`BSD`)
 * gives way to a licence file. Different licences in files: OR where the names offer a choice, as Rust's LICENSE-MIT
 * and LICENSE-APACHE do; else AND, the careful reading. A licence file at the root that is none of SPDX's says nothing,
 * and nothing below may then speak for it.
 *
 * @param files texts by path
 */
export function detectLicence(files: ReadonlyMap<string, string>): Licence {
  const manifests: Said[] = []
  const texts: Said[] = []
  const tags = new Map<string, Said>()
  let [sources, tagged] = [0, 0]
  for (const [path, text] of files) {
    if (isAside(path)) continue
    if (isLicenceManifest(path)) {
      const read = licenceInManifest(path, text)
      if (read !== null) manifests.push({ path, from: 'manifest', ...read })
    }
    if (isLicenceFile(path)) {
      texts.push({ path, from: 'text', expression: matchLicenceText(text) ?? '', exact: true })
      continue
    }
    if (languageOf(path) === 'text') continue
    sources++
    const tag = tagIn(text)
    if (tag === null) continue
    tagged++
    // A thousand files say the same: the first one of each expression is the evidence.
    if (!tags.has(tag)) tags.set(tag, { path, from: 'text', expression: tag, exact: true })
  }
  const tagList = tagged * 2 > sources && tags.size <= MAX_TAGGED ? [...tags.values()] : []
  const evidence = [...shallowest(manifests), ...texts.filter((one) => one.expression !== ''), ...tagList]
  return {
    expression: expressionOf(manifests, texts, tagList),
    evidence: evidence.map(({ path, expression, from }) => ({ path, expression, from })),
  }
}

function expressionOf(manifests: readonly Said[], texts: readonly Said[], tags: readonly Said[]): string {
  const atRoot = manifests.filter((one) => depthOf(one.path) === 0)
  const sure = allOf(atRoot.filter((one) => one.exact))
  if (sure !== '') return sure
  const rootTexts = texts.filter((one) => depthOf(one.path) === 0)
  const licenceFiles = rootTexts.length > 0 ? rootTexts : texts.filter((one) => one.path.startsWith('LICENSES/'))
  return (
    ofLicenceFiles(licenceFiles) ||
    allOf(atRoot) ||
    allOf(tags) ||
    (rootTexts.length > 0 ? '' : allOf(shallowest(manifests)))
  )
}

function ofLicenceFiles(texts: readonly Said[]): string {
  if (texts.some((one) => one.expression === '')) return ''
  const isChoice = texts.length > 1 && texts.every((one) => /^licen[cs]e[-_.](?!txt$|md$|rst$)/i.test(one.path))
  return joinExpressions(expressionsOf(texts), isChoice ? 'OR' : 'AND')
}

const allOf = (said: readonly Said[]): string => joinExpressions(expressionsOf(said), 'AND')
const expressionsOf = (said: readonly Said[]): string[] => said.map((one) => one.expression)
const depthOf = (path: string): number => path.split('/').length - 1

function shallowest(said: readonly Said[]): Said[] {
  const depth = Math.min(...said.map((one) => depthOf(one.path)))
  return said.filter((one) => depthOf(one.path) === depth)
}

/** Test data and examples speak of themselves. */
const isAside = (path: string): boolean =>
  /(?:^|\/)(?:tests?|examples?|fixtures?|testdata|samples?|docs?)\//i.test(path)

/** The `SPDX-License-Identifier` in a file's first lines. */
function tagIn(text: string): string | null {
  const head = text.slice(0, TAG_HEAD_CHARS)
  const at = head.indexOf('SPDX-License-Identifier:')
  if (at < 0) return null
  const line = head.slice(at + 'SPDX-License-Identifier:'.length).split('\n', 1)[0] as string
  const read = readLicence(line.replace(/(?:\*\/|-->|#\}|\*\)).*$/, ''))
  return read?.exact === true ? read.expression : null
}

/** @throws GroundingError `LICENCE_NOT_ALLOWED` where a list is given and the licence is unknown or not enough for it */
export function checkLicence(name: string, { expression, evidence }: Licence, allow: readonly string[] | null): void {
  if (allow === null || isAllowed(expression, allow)) return
  const found = evidence.slice(0, 5).map((one) => `${one.path} says ${one.expression}`)
  const what = expression === '' ? 'no licence that can be read' : `the licence ${expression} (${found.join(', ')})`
  const message = `${name} has ${what}; allowed are ${allow.join(', ')} (grounding.licences.allow). Add it to the list, or leave the repository out.`
  throw new GroundingError('LICENCE_NOT_ALLOWED', message, { expression, evidence, allow })
}
