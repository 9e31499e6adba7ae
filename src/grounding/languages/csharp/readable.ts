/** Which part of `#if ... #else ... #endif` stays. */
type Kept = 'first' | 'last'

/**
 * C# as its grammar can read it, where it cannot read the text as it is: texts to try in turn. Every position stays.
 */
export function readableCsharp(text: string): string[] {
  const plain = withoutNewSyntax(text)
  const tries = [plain, withoutDirectives(plain, 'first'), withoutDirectives(plain, 'last')]
  return [...new Set(tries)].filter((one) => one !== text)
}

/** `[]` as an empty collection becomes a name, a block of extensions a class, and `params` of a span goes. */
function withoutNewSyntax(text: string): string {
  return text
    .replace(/([=(,?:>]\s{0,200}|\breturn\s{1,200})\[\](?=\s{0,200}[;,)\]}.!])/g, '$1__')
    .replace(/([(,]\s{0,200})params(?=\s(?:ReadOnly)?Span\b)/g, '$1      ')
    .replace(/\bextension(?:<[^<>\n]{0,100}>)?\s?\([^()\n]{1,200}\)(?=\s{0,200}\{)/g, (all) =>
      'class '.padEnd(all.length, '_'),
    )
}

/** Blanks every directive, and of each condition all branches but one. */
function withoutDirectives(text: string, kept: Kept): string {
  const lines = text.split('\n')
  /** Of each open `#if`, whether the branch at hand stays. */
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

/** Of each `#if`, the line with the directive before its last branch. */
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
