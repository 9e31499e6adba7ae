import type { RepositorySnapshot } from '../../records/index.js'

/** What the project is called: a title short enough to be a name and about this package, else the package's name. */
export function projectName(snapshot: RepositorySnapshot): string {
  const title = titleName(snapshot.about.title)
  const isShouted = /[A-Z]/.test(title) && !/[a-z]/.test(title) && title.includes(' ')
  const isAboutIt = bareName(title).includes(bareName(snapshot.name.replace(/^@[^/]*\//, '')))
  return title !== '' && title.length <= 30 && !isShouted && isAboutIt ? title : snapshot.name
}

/** Words that stay as they are written, as they name the project. */
export function ownNamesOf(snapshot: RepositorySnapshot): string[] {
  const names = [snapshot.name.replace(/^@[^/]*\//, ''), snapshot.name, projectName(snapshot)]
  return [...new Set(names)]
}

/** A title without what follows a dash or a colon, and without a version. */
function titleName(title: string): string {
  const head = title.split(/ [-–—|] |: /)[0] ?? ''
  return head
    .replace(/\s*\bv?\d+\.\d[\w.-]*\s*$/, '')
    .replace(/[\s:]+$/, '')
    .trim()
}

const bareName = (name: string): string => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '')
