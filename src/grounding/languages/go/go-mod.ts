/** The parts of a `go.mod` that decide where imports lead. */
interface GoMod {
  module: string
  required: string[]
  /** Modules that a local folder replaces. */
  replaced: { from: string; to: string }[]
}

/** Reads a `go.mod` line by line: a directive stands alone or in a block with its name. */
export function readGoMod(content: string): GoMod {
  const file: GoMod = { module: '', required: [], replaced: [] }
  let block = ''
  for (const line of content.split('\n')) {
    const words = line
      .replace(/\/\/.*$/, '')
      .split(/\s+/)
      .filter((word) => word !== '')
      .map(unquoted)
    if (words[0] === ')') block = ''
    else if (words[1] === '(') block = words[0] ?? ''
    else if (words.length > 0)
      take(file, block === '' ? (words[0] ?? '') : block, block === '' ? words.slice(1) : words)
  }
  return file
}

function take(file: GoMod, directive: string, [first, ...rest]: readonly string[]): void {
  if (first === undefined) return
  if (directive === 'module') file.module = first
  if (directive === 'require') file.required.push(first)
  const to = rest.at(rest.indexOf('=>') + 1)
  const isLocal = rest.includes('=>') && to !== undefined && /^\.\.?(\/|$)/.test(to)
  if (directive === 'replace' && isLocal) file.replaced.push({ from: first, to })
}

const unquoted = (word: string): string => word.replace(/^["`]|["`]$/g, '')

/** The module of a path that no `go.mod` names: as many parts as a repository's path has on its host. */
export function moduleOf(specifier: string): string {
  const parts = specifier.split('/')
  const host = parts[0] ?? ''
  if (!host.includes('.')) return specifier
  const isDeep = /^(github\.com|gitlab\.com|bitbucket\.org|golang\.org|google\.golang\.org)$/.test(host)
  const count =
    host === 'google.golang.org' ? 2 : isDeep ? 3 : host === 'gopkg.in' && /\.v\d+$/.test(parts[1] ?? '') ? 2 : 3
  const module = parts.slice(0, count)
  return [...module, ...(/^v\d+$/.test(parts[count] ?? '') ? [parts[count]] : [])].join('/')
}
