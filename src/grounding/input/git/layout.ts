import { lstatSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'

// Where a repository's own data lies, found by looking at names alone. What leads out of the given folder is refused:
// a `.git` file or a link to another repository, and object stores borrowed from elsewhere, would put files of this
// machine into the data set.

/** The folder with HEAD, objects and refs; or why it cannot be read. */
export type GitLayout = { gitFolder: string; isBare: boolean } | { refused: string; isBare: boolean }

const MAX_POINTER_BYTES = 4_096
const objectFolders = ['objects', 'objects/pack', 'objects/info']
const ownFiles = ['HEAD', 'packed-refs', 'refs', ...objectFolders]

/** `null` where a folder is no repository of git at all. */
export function gitLayoutOf(folder: string): GitLayout | null {
  const root = realpathSync(folder)
  const dotGit = lstatSync(join(root, '.git'), { throwIfNoEntry: false })
  if (dotGit === undefined) return looksBare(root) ? judge(root, root, true) : null
  if (dotGit.isSymbolicLink()) return { refused: 'its .git is a link', isBare: false }
  if (dotGit.isDirectory()) return judge(join(root, '.git'), root, false)
  if (!dotGit.isFile()) return null
  const target = pointerIn(join(root, '.git'))
  if (target === null) return { refused: 'its .git file cannot be read', isBare: false }
  return judge(resolve(root, target), root, false)
}

function looksBare(root: string): boolean {
  const isFolder = (name: string): boolean =>
    lstatSync(join(root, name), { throwIfNoEntry: false })?.isDirectory() === true
  return (
    lstatSync(join(root, 'HEAD'), { throwIfNoEntry: false })?.isFile() === true &&
    isFolder('objects') &&
    isFolder('refs')
  )
}

/** The path in a file `gitdir: PATH`, as submodules and linked working trees have it. */
function pointerIn(file: string): string | null {
  if (statSync(file).size > MAX_POINTER_BYTES) return null
  return /^gitdir: (.+)$/m.exec(readFileSync(file, 'utf8'))?.[1]?.trim() ?? null
}

function judge(gitFolder: string, root: string, isBare: boolean): GitLayout {
  const refused = (why: string): GitLayout => ({ refused: why, isBare })
  let real: string
  try {
    real = realpathSync(gitFolder)
  } catch {
    return refused('its .git leads nowhere')
  }
  if (real !== root && !real.startsWith(root + sep)) return refused('its .git leads out of the folder')
  const borrowed = ['commondir', 'objects/info/alternates', 'objects/info/http-alternates']
  const borrows = borrowed.find((name) => lstatSync(join(real, name), { throwIfNoEntry: false }) !== undefined)
  if (borrows !== undefined) return refused(`it borrows objects from elsewhere (${borrows})`)
  const link = ownFiles.find((name) => lstatSync(join(real, name), { throwIfNoEntry: false })?.isSymbolicLink())
  if (link !== undefined) return refused(`its ${link} is a link`)
  const odd = objectFolders.find((name) => !holdsPlainEntries(join(real, name)))
  if (odd !== undefined) return refused(`its ${odd} holds links or pipes`)
  if (!hasPlainObjects(join(real, 'objects'))) return refused('its objects are links or pipes')
  if (lstatSync(join(real, 'reftable'), { throwIfNoEntry: false })) return refused('its refs are in the reftable form')
  if (!looksBare(real)) return refused('its .git lacks HEAD, objects or refs')
  return { gitFolder: real, isBare }
}

/** Through a link git reads what is elsewhere; at a pipe it waits until its time is up. */
function holdsPlainEntries(folder: string): boolean {
  if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) return true
  return readdirSync(folder, { withFileTypes: true }).every((entry) => entry.isFile() || entry.isDirectory())
}

/** The folders `00` to `ff` of objects that are not in a pack. */
function hasPlainObjects(objects: string): boolean {
  if (lstatSync(objects, { throwIfNoEntry: false })?.isDirectory() !== true) return true
  const folders = readdirSync(objects).filter((name) => /^[0-9a-f]{2}$/.test(name))
  return folders.every((name) => holdsPlainEntries(join(objects, name)))
}

/**
 * Splits `path@revision`, where `path` is there and the whole is not. A path by itself has the revision `null`.
 */
export function splitRevision(input: string): { path: string; revision: string | null } {
  const isThere = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined
  if (isThere(input)) return { path: input, revision: null }
  for (let at = input.lastIndexOf('@'); at > 0; at = input.lastIndexOf('@', at - 1)) {
    const path = input.slice(0, at)
    if (isThere(path) && dirname(path) !== path && at + 1 < input.length) return { path, revision: input.slice(at + 1) }
  }
  return { path: input, revision: null }
}
