import type { RepositorySnapshot } from '../../records/index.js'

/** The title of the project if it is short and contains the name of the package, otherwise that name. */
export function projectName(snapshot: RepositorySnapshot): string {
  const title = titleName(snapshot.about.title)
  const isShouted = /[A-Z]/.test(title) && !/[a-z]/.test(title) && title.includes(' ')
  const isAboutIt = bareName(title).includes(bareName(snapshot.name.replace(/^@[^/]*\//, '')))
  return title !== '' && title.length <= 30 && !isShouted && isAboutIt ? title : snapshot.name
}

/** Words that keep their capitals, because they name the project. */
export function ownNamesOf(snapshot: RepositorySnapshot): string[] {
  const names = [snapshot.name.replace(/^@[^/]*\//, ''), snapshot.name, projectName(snapshot)]
  return [...new Set(names)]
}

/** A title without its version, and without what follows a dash or a colon. */
function titleName(title: string): string {
  const head = title.split(/ [-–—|] |: /)[0] ?? ''
  return head
    .replace(/\s*\bv?\d+\.\d[\w.-]*\s*$/, '')
    .replace(/[\s:]+$/, '')
    .trim()
}

const bareName = (name: string): string => name.toLowerCase().replace(/[^\p{L}\p{N}]/gu, '')
