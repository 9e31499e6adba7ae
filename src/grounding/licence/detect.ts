import type { RepositorySnapshot } from '../../records/index.js'
import { GroundingError } from '../errors.js'
import { languageOf } from '../languages/language-of.js'
import { isAllowed, joinExpressions, readLicence } from './expression.js'
import { isLicenceManifest, licenceInManifest } from './manifests.js'
import { isLicenceFile, matchLicenceText } from './texts.js'

type Licence = RepositorySnapshot['licence']
type Evidence = Licence['evidence'][number]

/** A licence that a file states. */
interface Statement extends Evidence {
  /** Whether the expression is no guess. */
  exact: boolean
}

/** The most different tags in files from which the licence of the whole repository is still read. */
const maxTagged = 8
const tagHeadChars = 1_000

/**
 * The licence of a whole repository, from the first of these that states one: the manifest at the root, licence files
 * (at the root, else in `LICENSES/`), tags where most source files have one, manifests in folders. A manifest at the root
 * whose words are a guess (`BSD`) comes after licence files. Different licence files are joined with OR where their names
 * offer a choice, such as Rust's LICENSE-MIT and LICENSE-APACHE; else with AND, the careful reading. Where a licence file
 * at the root is not on SPDX's list, manifests in folders do not count.
 *
 * @param files texts by path
 */
export function detectLicence(files: ReadonlyMap<string, string>): Licence {
  const manifests: Statement[] = []
  const texts: Statement[] = []
  const tags = new Map<string, Statement>()
  let [sources, tagged] = [0, 0]
  for (const [path, text] of files) {
    if (isAside(path)) continue
    if (isLicenceManifest(path)) {
      const licence = licenceInManifest(path, text)
      if (licence !== null) manifests.push({ path, from: 'manifest', ...licence })
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
    // A thousand files may have the same tag: the first file with each expression is the evidence.
    if (!tags.has(tag)) tags.set(tag, { path, from: 'text', expression: tag, exact: true })
  }
  const tagList = tagged * 2 > sources && tags.size <= maxTagged ? [...tags.values()] : []
  const evidence = [...shallowest(manifests), ...texts.filter(({ expression }) => expression !== ''), ...tagList]
  return {
    expression: expressionOf(manifests, texts, tagList),
    evidence: evidence.map(({ path, expression, from }) => ({ path, expression, from })),
  }
}

function expressionOf(
  manifests: readonly Statement[],
  texts: readonly Statement[],
  tags: readonly Statement[],
): string {
  const atRoot = manifests.filter(({ path }) => depthOf(path) === 0)
  const sure = allOf(atRoot.filter(({ exact }) => exact))
  if (sure !== '') return sure
  const rootTexts = texts.filter(({ path }) => depthOf(path) === 0)
  const licenceFiles = rootTexts.length > 0 ? rootTexts : texts.filter(({ path }) => path.startsWith('LICENSES/'))
  return (
    ofLicenceFiles(licenceFiles) ||
    allOf(atRoot) ||
    allOf(tags) ||
    (rootTexts.length > 0 ? '' : allOf(shallowest(manifests)))
  )
}

function ofLicenceFiles(texts: readonly Statement[]): string {
  if (texts.some(({ expression }) => expression === '')) return ''
  const isChoice = texts.length > 1 && texts.every(({ path }) => /^licen[cs]e[-_.](?!txt$|md$|rst$)/i.test(path))
  return joinExpressions(expressionsOf(texts), isChoice ? 'OR' : 'AND')
}

const allOf = (statements: readonly Statement[]): string => joinExpressions(expressionsOf(statements), 'AND')
const expressionsOf = (statements: readonly Statement[]): string[] => statements.map(({ expression }) => expression)
const depthOf = (path: string): number => path.split('/').length - 1

function shallowest(statements: readonly Statement[]): Statement[] {
  const depth = Math.min(...statements.map(({ path }) => depthOf(path)))
  return statements.filter(({ path }) => depthOf(path) === depth)
}

/** Whether a file is test data or an example, whose licence is not that of the repository. */
const isAside = (path: string): boolean =>
  /(?:^|\/)(?:tests?|examples?|fixtures?|testdata|samples?|docs?)\//i.test(path)

/** The `SPDX-License-Identifier` in a file's first lines. */
function tagIn(text: string): string | null {
  const head = text.slice(0, tagHeadChars)
  const at = head.indexOf('SPDX-License-Identifier:')
  if (at < 0) return null
  const line = head.slice(at + 'SPDX-License-Identifier:'.length).split('\n', 1)[0] as string
  const licence = readLicence(line.replace(/(?:\*\/|-->|#\}|\*\)).*$/, ''))
  return licence?.exact === true ? licence.expression : null
}

/** @throws GroundingError `LICENCE_NOT_ALLOWED` where a list is given, and the licence is unknown or not satisfied by it */
export function checkLicence(name: string, { expression, evidence }: Licence, allow: readonly string[] | null): void {
  if (allow === null || isAllowed(expression, allow)) return
  const found = evidence.slice(0, 5).map((file) => `${file.path} says ${file.expression}`)
  const what = expression === '' ? 'no licence that can be read' : `the licence ${expression} (${found.join(', ')})`
  const message = `${name} has ${what}; allowed are ${allow.join(', ')} (grounding.licences.allow). Add it to the list, or leave the repository out.`
  throw new GroundingError('LICENCE_NOT_ALLOWED', message, { expression, evidence, allow })
}
