import type { RepositorySnapshot } from '../../records/index.js'
import { firstParagraph } from '../outline/lines.js'
import { cutAtSentence, fold } from '../outline/text.js'
import type { ProjectFacts, TextByPath } from './project-facts.js'
import { manifestReaders } from './readers.js'

const maxSummaryChars = 400
const maxReadmeLineChars = 1_000

/** The name and the description that a repository gives of itself. */
interface RepositoryAbout {
  /** By a manifest; `undefined` where none states it. */
  name: string | undefined
  /** The title of the README; `undefined` where it has none. */
  readmeTitle: string | undefined
  about: RepositorySnapshot['about']
}

/** Reads the manifests and the README at the root. */
export function aboutRepository(files: TextByPath): RepositoryAbout {
  const facts = manifestReaders.map((read) => read(files))
  const first = <K extends keyof ProjectFacts>(key: K): ProjectFacts[K] | undefined =>
    facts.find((stated) => stated[key] !== undefined)?.[key]
  const readmePath = [...files.keys()].find((path) => /^readme(\.(md|markdown|rst|txt))?$/i.test(path))
  const readme = readmePath === undefined ? '' : (files.get(readmePath) as string)
  const name = first('name')
  const readmeTitle = titleOf(readme)
  return {
    name,
    readmeTitle,
    about: {
      title: readmeTitle ?? name ?? '',
      summary: cutAtSentence(fold(first('summary') ?? firstParagraph(readme)), maxSummaryChars),
      keywords: first('keywords') ?? [],
    },
  }
}

/** The first heading among the first lines of a README; headings further down are about parts. */
function titleOf(readme: string): string | undefined {
  const prose = readme.replace(/^ {0,3}(```|~~~)[\s\S]*?^ {0,3}\1.*$/gm, '')
  // The patterns below take quadratic time, so their input is bounded.
  const lines = prose.split('\n', 25).map((line) => line.slice(0, maxReadmeLineChars))
  const top = lines.join('\n')
  const heading =
    /^#\s+(.+)$/m.exec(top)?.[1] ??
    /^(\S[^\n]*)\n={3,}\s*$/m.exec(top)?.[1] ??
    /<h1[^>]*>([\s\S]*?)<\/h1>/i.exec(top)?.[1]
  const title = fold(
    (heading ?? '')
      .slice(0, maxReadmeLineChars)
      .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
      .replace(/<[^>]*>|[`*]/g, ''),
  )
  return title === '' || title.length > 100 ? undefined : title
}
