// What a developer calls a file, and what its path says about it.

/** The last part of a path. */
export function baseName(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

/** Whether many folders have a file of this name, so that the name alone says nothing. */
const isCommonName = (base: string): boolean => /^(index|__init__|__main__|mod|main)\.[\w.]+$/.test(base)

const withFolder = (path: string): string => path.split('/').slice(-2).join('/')

/**
 * Names for the files of one sentence, all different: the base name; with its folder if the base name says too little, or
 * another of the files or `own` (the file that is written) has it too; the whole path if that is not enough.
 */
export function fileNames(paths: readonly string[], own = ''): string[] {
  const all = [...paths, ...(own === '' || paths.includes(own) ? [] : [own])]
  const isShared = (path: string, nameOf: (path: string) => string): boolean =>
    all.some((other) => other !== path && nameOf(other) === nameOf(path))
  return paths.map((path) => {
    if (!isCommonName(baseName(path)) && !isShared(path, baseName)) return baseName(path)
    return isShared(path, withFolder) ? path : withFolder(path)
  })
}

/** The name of one file, in a sentence about `own`. */
export const fileName = (path: string, own = ''): string => fileNames([path], own)[0] ?? path

export const isProse = (path: string): boolean => /\.(md|rst|txt)$/i.test(path) && !isRequirements(path)

const isLicence = (path: string): boolean => /^(un)?licen[cs]e|^copying/i.test(baseName(path))

const isRequirements = (path: string): boolean => /^requirements[\w.-]*\.(txt|in)$/i.test(baseName(path))

export const isTest = (path: string): boolean =>
  /(^|\/)(tests?|__tests__|specs?)\/|(^|\/)test_[^/]*$|[._-](test|spec)\.[^/]*$/i.test(path)

/** Code that is not part of the product: tests, examples, and programs for the developers of the project. */
export const isBeside = (path: string): boolean =>
  isTest(path) ||
  /(^|\/)(docs?|examples?|scripts?|bin|demos?|bench\w*|tools?)\//i.test(path) ||
  /(^|[/._-])bench\.[^/]*$|(^|\/)(conf|__main__|setup)\.py$|\.config\.[cm]?[jt]s$/i.test(path)

const isChangeLog = (path: string): boolean =>
  /^(change|history)[^/]*$/i.test(baseName(path)) && /(^|\/)[^/.]*(\.(md|rst|txt))?$/i.test(path)

/** Whether the name of a file says its purpose better than its first words do. */
export const isNamedForItsPurpose = (path: string): boolean =>
  isLicence(path) || isRequirements(path) || isChangeLog(path)

/** The purpose of a file without a doc, by its name. */
export function textPurpose(path: string): string {
  const name = baseName(path).toLowerCase()
  if (isLicence(path)) return 'the licence'
  if (name.startsWith('readme')) return 'what the project is and how to use it'
  if (isChangeLog(path)) return 'what changed from version to version'
  if (isRequirements(path) || name === 'go.mod' || /^(makefile|dockerfile)/.test(name)) return 'settings'
  if (isProse(path)) return 'notes for readers'
  if (/^\.|ignore$/.test(name) || /\.(json|toml|cfg|ini|ya?ml|lock)$/.test(name)) return 'settings'
  return purposeByEnding.find(([ending]) => ending.test(name))?.[1] ?? 'a text that the project needs'
}

const purposeByEnding: readonly [RegExp, string][] = [
  [/\.x?html?$/, 'a page'],
  [/\.(css|s[ac]ss|less)$/, 'styles'],
  [/\.svg$/, 'a picture'],
  [/\.(sh|bash|bat|cmd|ps1)$/, 'a script for the shell'],
]
