/** The branch of `#if ... #else ... #endif` that stays. */
type Kept = 'first' | 'last'

/**
 * Changed texts to try in turn, where the grammar cannot read a C# text as it is. Every position stays where it is.
 */
export function readableCsharp(text: string): string[] {
  const plain = withoutNewSyntax(text)
  const tries = [plain, withoutDirectives(plain, 'first'), withoutDirectives(plain, 'last')]
  return [...new Set(tries)].filter((changed) => changed !== text)
}

/** Turns the empty collection `[]` into a name and an extension block into a class; blanks `params` before a span. */
function withoutNewSyntax(text: string): string {
  return text
    .replace(/([=(,?:>]\s{0,200}|\breturn\s{1,200})\[\](?=\s{0,200}[;,)\]}.!])/g, '$1__')
    .replace(/([(,]\s{0,200})params(?=\s(?:ReadOnly)?Span\b)/g, '$1      ')
    .replace(/\bextension(?:<[^<>\n]{0,100}>)?\s?\([^()\n]{1,200}\)(?=\s{0,200}\{)/g, (matched) =>
      'class '.padEnd(matched.length, '_'),
    )
}

/** Blanks every directive, and all branches of each condition except one. */
function withoutDirectives(text: string, kept: Kept): string {
  const lines = text.split('\n')
  /** For each open `#if`, whether its current branch stays. */
  const open: boolean[] = []
  const lastBranches = kept === 'last' ? linesOfLastBranches(lines) : undefined
  return lines
    .map((line, at) => {
      const word = directiveOf(line)
      if (word === 'if') open.push(lastBranches?.has(at) ?? true)
      else if (word === 'elif' || word === 'else') open[open.length - 1] = lastBranches?.has(at) ?? false
      else if (word === 'endif') open.pop()
      return word === undefined && open.every((stays) => stays) ? line : line.replace(/[^\r]/g, ' ')
    })
    .join('\n')
}

const directiveOf = (line: string): string | undefined => /^\s{0,200}#[:\s]{0,20}([a-z]+)/.exec(line)?.[1]

/** For each `#if`, the line of the directive before its last branch. */
function linesOfLastBranches(lines: readonly string[]): Set<number> {
  const found = new Set<number>()
  const open: number[] = []
  for (const [at, line] of lines.entries()) {
    const word = directiveOf(line)
    if (word === 'if') open.push(at)
    else if (word === 'elif' || word === 'else') open[open.length - 1] = at
    else if (word === 'endif') found.add(open.pop() ?? -1)
  }
  return found
}
