import type { Message } from '../../records/index.js'
import { asData } from './as-data.js'
import { fitFacts, type Facts } from './fit-facts.js'
import { placeholder, type Prompt } from './prompts.js'

/** The prompt with the facts in their places, each in the longest version that `maxChars` for all of it allows. */
export function buildMessages(prompt: Prompt, facts: Facts, maxChars: number): Message[] {
  const names = new Set(namesIn(prompt.user))
  const usedFacts = Object.entries(facts).filter(([name]) => names.has(name))
  const data = Object.fromEntries(usedFacts.map(([name, fact]) => [name, factAsData(fact)]))
  const fitted = fitFacts(data, charsLeftForFacts(prompt, data, maxChars))
  return [
    { role: 'system', content: prompt.system },
    { role: 'user', content: fill(prompt.user, fitted) },
  ]
}

/** Makes every version of a fact safe to send; each version is made at most once. */
function factAsData(fact: Facts[string]): Facts[string] {
  if (typeof fact === 'string') return asData(fact)
  const versions = fact.versions.map((version) => {
    let text: string | undefined
    return () => (text ??= asData(version()))
  })
  return { share: fact.share, versions }
}

/** How many characters are left for the facts that can be shortened. */
export function charsLeftForFacts(prompt: Prompt, facts: Facts, maxChars: number): number {
  // A shrinkable fact, however short, keeps the text of the template around its place, which takes space.
  const fixed = Object.fromEntries(
    Object.entries(facts).map(([name, fact]) => [
      name,
      typeof fact === 'string' ? fact : fact.versions.some((version) => version() !== '') ? '.' : '',
    ]),
  )
  return Math.max(0, maxChars - prompt.system.length - fill(prompt.user, fixed).length)
}

/**
 * The template with the facts in their places, filled in one pass, so that a `{{name}}` inside a fact is never filled. A
 * paragraph or line whose facts are all empty is left out.
 */
function fill(template: string, facts: Readonly<Record<string, string>>): string {
  const factOf = (name: string): string => facts[name] ?? ''
  const hasFact = (text: string): boolean => {
    const names = namesIn(text)
    return names.length === 0 || names.some((name) => factOf(name) !== '')
  }
  return template
    .split(/\n{2,}/)
    .filter(hasFact)
    .map((paragraph) => paragraph.split('\n').filter(hasFact).join('\n'))
    .map((paragraph) => paragraph.replace(placeholder, (_place, name: string) => factOf(name)))
    .join('\n\n')
}

const namesIn = (text: string): string[] => [...text.matchAll(placeholder)].map(([, name = '']) => name)
