/** `[start, end)` in UTF-16 units. */
export type TextRange = readonly [start: number, end: number]

/** A preprocessor directive with its continuation lines, in a text without comments. */
export const directive = /^[ \t]*#[ \t]*(\w*)((?:\\\r?\n|[^\n])*)/gm

interface Branch {
  /** After its directive. */
  start: number
  end: number
  /** Opened minus closed braces. */
  opened: number
  /** Whether its last character ends a statement. */
  isWhole: boolean
}

/** An `#if` up to its `#endif`. */
interface Conditional {
  depth: number
  isAtStatement: boolean
  /** Its first branch is never compiled: `#if 0`, `#ifdef DOXYGEN`, and `#ifdef __cplusplus` in C. */
  skipsFirst: boolean
  branches: Branch[]
}

/**
 * The ranges to blank so that C can be read without a preprocessor: the directives of conditionals, the guard of a
 * header, and the branches that cannot stay. All branches of an `#if` stay if each consists of whole statements with
 * paired braces; else only the first branch that is ever compiled stays.
 *
 * @param code the text with comments and literals blanked
 */
export function settleConditionals(code: string, language: 'c' | 'cpp'): TextRange[] {
  const blanks: TextRange[] = []
  const open: Conditional[] = []
  let guard: string | undefined
  let [depth, last, at] = [0, ';', 0]
  for (const match of code.matchAll(directive)) {
    const [whole, word = '', rest = ''] = match
    const [start, end] = [match.index, match.index + whole.length]
    const before = code.slice(at, start)
    depth += bracesOpenedIn(before)
    last = before.trimEnd().at(-1) ?? last
    at = end
    if (word === 'define' && guard === rest.trim()) blanks.push([start, end])
    // A header's guard is its first directive.
    guard ??= word === 'ifndef' ? rest.trim() : ''
    if (!/^(if|ifdef|ifndef|elif|else|endif)$/.test(word)) continue
    blanks.push([start, end])

    const branch: Branch = { start: end, end, opened: 0, isWhole: true }
    const isAtStatement = endsStatement(last)
    last = ';'
    if (word.startsWith('if')) {
      open.push({ depth, isAtStatement, skipsFirst: isNeverTrue(word, rest.trim(), language), branches: [branch] })
      continue
    }
    const conditional = open.at(-1)
    const ended = conditional?.branches.at(-1)
    if (conditional === undefined || ended === undefined) continue
    Object.assign(ended, { end: start, opened: depth - conditional.depth, isWhole: isAtStatement })
    depth = conditional.depth
    if (word !== 'endif') conditional.branches.push(branch)
    else {
      open.pop()
      const { opened, dropped } = settle(conditional)
      depth += opened
      blanks.push(...dropped)
    }
  }
  return blanks
}

function settle({ branches, skipsFirst, isAtStatement }: Conditional): { opened: number; dropped: TextRange[] } {
  const live = skipsFirst ? branches.slice(1) : branches
  const standAlone = isAtStatement && live.every((branch) => branch.opened === 0 && branch.isWhole)
  const kept = standAlone ? live : live.slice(0, 1)
  const dropped = branches.filter((branch) => !kept.includes(branch)).map(({ start, end }): TextRange => [start, end])
  return { opened: kept[0]?.opened ?? 0, dropped }
}

const isNeverTrue = (word: string, condition: string, language: 'c' | 'cpp'): boolean =>
  (word === 'if' && condition === '0') ||
  (word === 'ifdef' && /^_*DOXYGEN/i.test(condition)) ||
  (word === 'ifdef' && condition === '__cplusplus' && language === 'c')

/** Whether a character ends a statement; a comma ends an enumerator or a list element. */
const endsStatement = (character: string): boolean => ';{},:'.includes(character)

function bracesOpenedIn(code: string): number {
  let opened = 0
  for (const [brace] of code.matchAll(/[{}]/g)) opened += brace === '{' ? 1 : -1
  return opened
}
