import type { FileRecord } from '../../records/index.js'
import type { ThoughtRequest } from '../generator.js'
import type { Fact } from './fact.js'
import { subjectOf } from './item-names.js'
import { enclosingItem } from './outline-facts.js'
import { countWord, pickPhrase, toSentence } from './prose.js'

type Fix = Extract<ThoughtRequest['leadsTo'], { kind: 'fix' }>

/** Facts from the output of the check about the wrong first version; none about the code that fixes it. */
export function fixFacts(file: FileRecord, { start, check }: Fix): Fact[] {
  const problems = problemsIn(check)
  const [first] = problems
  if (first === undefined)
    return [{ id: 'goal', text: toSentence(`the check of ${file.path} finds something`), role: 'goal' }]
  const others = problems.length - 1
  const opening = pickPhrase(`${file.path} ${first.text}`, [
    'the check fails',
    'that is not right yet',
    'the check finds a mistake of mine',
  ])
  const more = others === 0 ? '' : `, and ${countWord(others)} more that may come from it`
  const facts: Fact[] = [
    { id: 'goal', text: toSentence(`${opening}: in line ${first.line}, ${first.text}${more}`), role: 'goal' },
  ]
  const remedy = remedyFor(first.text)
  if (remedy !== '') facts.push({ id: 'remedy', text: toSentence(remedy), role: 'first' })
  const enclosing =
    enclosingItem(file.outline, start) ?? file.outline.find((item) => item.start <= start && start < item.end)
  const subject = enclosing === undefined ? '' : subjectOf(enclosing)
  if (subject !== '')
    facts.push({ id: 'place', text: toSentence(`the lines to change are in ${subject}`), role: 'first' })
  facts.push({ id: 'again', text: toSentence('I change these lines alone and check again'), role: 'more' })
  return facts
}

interface Problem {
  line: number
  text: string
}

/** Reads lines such as `src/a.ts:3: what is wrong`; the last line has no number and is left out. */
function problemsIn(check: string): Problem[] {
  return check.split('\n').flatMap((line) => {
    const found = /:(\d+): (.+)$/.exec(line)
    return found === null ? [] : [{ line: Number(found[1]), text: found[2] as string }]
  })
}

/** What to do about a problem, by its message; `$1` is a name in the message. */
const remedies: readonly (readonly [RegExp, string])[] = [
  [/^syntax error: '([^']+)' is missing/, 'I have to put `$1` where it belongs'],
  [/^syntax error/, 'something before it is not closed or not complete, so I look at the lines above as well'],
  [/leads to no written file/, 'the import has to name a file that is there'],
  [/ has no '([^']+)'$/, 'I have to take the name as that file spells it, and `$1` is not its spelling'],
  [/declared nowhere; there is '([^']+)'/, 'I must have meant `$1`'],
  [/name '([^']+)' is used, but declared nowhere/, 'either I misspelled `$1`, or what brings it in is missing'],
  [/'([^']+)' is imported and never used/, 'so a line that needs `$1` must be missing, or names it wrongly'],
  [/'([^']+)' is given a value that is never used/, 'so a line that needs `$1` must be missing, or names it wrongly'],
  [/, without '([^']+)'/, 'the call has to give `$1` too'],
  [/takes .* and is called with/, 'the call has to give what the function takes'],
  [/in each other's place/, 'the two have to change places'],
  [/'([^']+)' is async/, 'I have to wait for `$1` before I go on'],
  [/one past its last item/, 'the loop has to end one item earlier'],
  [/runs into its end/, 'one way through it lacks its return, so I put that in'],
]

function remedyFor(text: string): string {
  for (const [pattern, words] of remedies) {
    const found = pattern.exec(text)
    if (found !== null) return words.replace('$1', () => found[1] ?? '')
  }
  return ''
}
