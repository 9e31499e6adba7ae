import {
  callParts,
  quotedWhereNeeded,
  showsSomething,
  toolCallSchema,
  type Part,
  type Turn,
} from '../../records/index.js'

/** A call as a file gives it: what its arguments are, or a text where they are not JSON. */
export interface ForeignCall {
  id: string | null
  name: string
  arguments: unknown
}

/** What an agent says in one turn, in the order in which it is rendered. */
export interface Act {
  thoughts: readonly string[]
  /** What it says where it calls nothing. */
  answer: string
  calls: readonly ForeignCall[]
  trained: boolean
  isDraft: boolean
}

/** Takes what either format says and makes turns of it, by the table in `index.ts`. */
export class TurnList {
  readonly turns: Turn[] = []
  #hasActed = false
  /** Calls behind which an empty answer stands for none, by id. */
  readonly #silent = new Set<string>()

  /** A prompt, or what a person says. Behind the first action it is something that the agent sees. */
  say(role: 'system' | 'user', text: string, trained: boolean): void {
    const first = role === 'user' ? 'requirement' : 'template'
    this.#add(role, trained, [{ origin: this.#hasActed ? 'observation' : first, text }])
  }

  /** @param proseLength code points before the list of files, which is tokenized by itself */
  plan(text: string, proseLength: number, trained: boolean): void {
    const characters = [...text]
    const texts = [characters.slice(0, proseLength), characters.slice(proseLength)].map((some) => some.join(''))
    this.#add(
      'assistant',
      trained,
      texts.map((one): Part => ({ origin: 'plan', text: one })),
    )
  }

  /** A turn that says nothing and does nothing is none. */
  act({ thoughts, answer, calls, trained, isDraft }: Act): void {
    const parts: Part[] = thoughts.map((text) => ({ origin: 'thought', text }))
    parts.push({ origin: isDraft ? 'draft' : 'action', text: answer })
    for (const call of calls) {
      // A second call begins on a line of its own.
      const last = parts.findLast(({ text }) => text !== '')
      if (last !== undefined && last.origin !== 'thought' && !last.text.endsWith('\n')) {
        parts.push({ origin: 'action', text: '\n' })
      }
      parts.push(...this.#wordsOf(call, isDraft))
    }
    if (parts.every(({ text }) => text === '')) return
    this.#hasActed = true
    this.#add('assistant', trained, parts)
  }

  /** What came back of a call, or by itself. */
  see(text: string, callId: string | null, trained: boolean): void {
    if (text === '' && callId !== null && this.#silent.has(callId)) return
    this.#add('tool', trained, [{ origin: 'observation', text }])
  }

  #wordsOf({ id, name, arguments: given }: ForeignCall, isDraft: boolean): Part[] {
    const ours = toolCallSchema.safeParse({ name, arguments: given })
    if (id !== null) this.#silent.delete(id)
    if (ours.success) {
      if (id !== null && !showsSomething(ours.data)) this.#silent.add(id)
      return callParts(ours.data, isDraft)
    }
    const written = typeof given === 'string' ? given : JSON.stringify(given ?? {})
    const line: Part = { origin: 'action', text: `Call ${quotedWhereNeeded(name)}\n` }
    return [line, { origin: isDraft ? 'draft' : 'action', text: `${written}\n` }]
  }

  #add(role: Turn['role'], trained: boolean, parts: readonly Part[]): void {
    this.turns.push({ role, trained, parts: parts.filter(({ text }) => text !== '') })
  }
}
