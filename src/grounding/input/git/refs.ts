import { lstatSync, readFileSync } from 'node:fs'
import { join } from 'node:path'

const maxRefBytes = 1_024
const maxPackedRefsBytes = 64 * 1024 * 1024
const maxSymbolicSteps = 5
const idForm = /^(?:[0-9a-f]{40}|[0-9a-f]{64})$/

/**
 * The object id of HEAD, a full ref, a tag, a branch, or a remote's branch. Reads the files directly, so that git never
 * sees the repository's own configuration. `null` where there is no such ref.
 */
export function readRef(gitFolder: string, name: string): string | null {
  if (!isRefName(name)) return null
  const prefixes = name === 'HEAD' ? [''] : ['refs/tags/', 'refs/heads/', 'refs/remotes/', 'refs/', '']
  for (const prefix of prefixes) {
    const full = prefix + name
    if (full !== 'HEAD' && !full.startsWith('refs/')) continue
    const id = followRef(gitFolder, full)
    if (id !== null) return id
  }
  return null
}

/** Whether it is only a name: it leads out of no folder, and git reads nothing else in it. */
function isRefName(name: string): boolean {
  return /^[\w][\w./+@#=-]{0,250}$/.test(name) && !name.includes('..') && !name.includes('//') && !name.includes('@{')
}

function followRef(gitFolder: string, first: string): string | null {
  let name = first
  for (let step = 0; step < maxSymbolicSteps; step++) {
    const content = looseRef(gitFolder, name) ?? packedRef(gitFolder, name)
    if (content === null) return null
    if (idForm.test(content)) return content
    const next = /^ref: (refs\/.+)$/.exec(content)?.[1]
    if (next === undefined || !isRefName(next)) return null
    name = next
  }
  return null
}

function looseRef(gitFolder: string, name: string): string | null {
  // Checks each part: a link, which `lstat` shows as neither file nor folder, could lead out of the repository.
  const parts = name.split('/')
  for (let count = 1; count <= parts.length; count++) {
    const stat = lstatSync(join(gitFolder, ...parts.slice(0, count)), { throwIfNoEntry: false })
    if (stat === undefined) return null
    if (count === parts.length && (!stat.isFile() || stat.size > maxRefBytes)) return null
    if (count < parts.length && !stat.isDirectory()) return null
  }
  return readFileSync(join(gitFolder, name), 'utf8').trim()
}

function packedRef(gitFolder: string, name: string): string | null {
  const path = join(gitFolder, 'packed-refs')
  const stat = lstatSync(path, { throwIfNoEntry: false })
  if (stat?.isFile() !== true || stat.size > maxPackedRefsBytes) return null
  const text = readFileSync(path, 'utf8')
  const end = text.startsWith(`${name}\n`, 41) ? 41 : text.indexOf(` ${name}\n`) + 1
  if (end <= 0) return null
  const id = text.slice(text.lastIndexOf('\n', end - 1) + 1, end - 1)
  return idForm.test(id) ? id : null
}
