import { lstatSync, readdirSync, readFileSync, realpathSync, statSync } from 'node:fs'
import { dirname, join, resolve, sep } from 'node:path'

// Finds the data of a git repository by file names alone. Refuses everything that leads out of the given folder: a `.git`
// file or a link to another repository, and object stores elsewhere, would put files of this machine into the data set.

/** The folder with HEAD, objects and refs; or the reason why it is refused. */
type GitLayout = { gitFolder: string; isBare: boolean } | { refused: string; isBare: boolean }

const maxPointerBytes = 4_096
const objectFolders = ['objects', 'objects/pack', 'objects/info']
const ownFiles = ['HEAD', 'packed-refs', 'refs', ...objectFolders]

/** `null` where a folder is no git repository. */
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
  if (statSync(file).size > maxPointerBytes) return null
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
  const unsafeFolder = objectFolders.find((name) => !holdsPlainEntries(join(real, name)))
  if (unsafeFolder !== undefined) return refused(`its ${unsafeFolder} holds links or pipes`)
  if (!hasPlainObjects(join(real, 'objects'))) return refused('its objects are links or pipes')
  if (lstatSync(join(real, 'reftable'), { throwIfNoEntry: false })) return refused('its refs are in the reftable form')
  if (!looksBare(real)) return refused('its .git lacks HEAD, objects or refs')
  return { gitFolder: real, isBare }
}

/** Whether a folder has only files and folders: git follows links out of the folder, and waits at pipes. */
function holdsPlainEntries(folder: string): boolean {
  if (lstatSync(folder, { throwIfNoEntry: false }) === undefined) return true
  return readdirSync(folder, { withFileTypes: true }).every((entry) => entry.isFile() || entry.isDirectory())
}

/** The same for the folders `00` to `ff`, with the objects outside packs. */
function hasPlainObjects(objects: string): boolean {
  if (lstatSync(objects, { throwIfNoEntry: false })?.isDirectory() !== true) return true
  const folders = readdirSync(objects).filter((name) => /^[0-9a-f]{2}$/.test(name))
  return folders.every((name) => holdsPlainEntries(join(objects, name)))
}

/**
 * Splits `path@revision`, where `path` exists and the whole input does not. Any other input has the revision `null`.
 */
export function splitRevision(input: string): { path: string; revision: string | null } {
  const exists = (path: string): boolean => lstatSync(path, { throwIfNoEntry: false }) !== undefined
  if (exists(input)) return { path: input, revision: null }
  for (let at = input.lastIndexOf('@'); at > 0; at = input.lastIndexOf('@', at - 1)) {
    const path = input.slice(0, at)
    if (exists(path) && dirname(path) !== path && at + 1 < input.length) return { path, revision: input.slice(at + 1) }
  }
  return { path: input, revision: null }
}
