import type { Part, Turn } from '../../records/index.js'
import { callParts } from '../../rendering/index.js'
import { parseToolCall, quotedWhereNeeded, toolOf } from '../../tools/index.js'

/** A call as a file gives it: its arguments, or a text where they are not JSON. */
export interface ForeignCall {
  id: string | null
  name: string
  arguments: unknown
}

/** What an agent says in one turn, in the order in which it is rendered. */
interface Act {
  thoughts: readonly string[]
  /** The text of a turn without a call. */
  answer: string
  calls: readonly ForeignCall[]
  trained: boolean
  isDraft: boolean
}

/** Makes turns of the messages of either format, by the table in `index.ts`. */
export class TurnList {
  readonly turns: Turn[] = []
  #hasActed = false
  /** Ids of calls that show nothing: an empty answer to them is no turn. */
  readonly #silent = new Set<string>()

  /** A prompt, or a message of a user. After the first action the agent observes it. */
  say(role: 'system' | 'user', text: string, trained: boolean): void {
    const first = role === 'user' ? 'requirement' : 'template'
    this.#add(role, trained, [{ origin: this.#hasActed ? 'observation' : first, text }])
  }

  /** @param proseLength code points before the list of files, which is tokenized by itself */
  plan(text: string, proseLength: number, trained: boolean): void {
    const characters = [...text]
    const texts = [characters.slice(0, proseLength), characters.slice(proseLength)].map((half) => half.join(''))
    this.#add(
      'assistant',
      trained,
      texts.map((text): Part => ({ origin: 'plan', text })),
    )
  }

  /** A turn without text and calls is left out. */
  act({ thoughts, answer, calls, trained, isDraft }: Act): void {
    const parts: Part[] = thoughts.map((text) => ({ origin: 'thought', text }))
    parts.push({ origin: isDraft ? 'draft' : 'action', text: answer })
    for (const call of calls) {
      // A second call begins on a line of its own.
      const last = parts.findLast(({ text }) => text !== '')
      if (last !== undefined && last.origin !== 'thought' && !last.text.endsWith('\n')) {
        parts.push({ origin: 'action', text: '\n' })
      }
      parts.push(...this.#partsOf(call, isDraft))
    }
    if (parts.every(({ text }) => text === '')) return
    this.#hasActed = true
    this.#add('assistant', trained, parts)
  }

  /** The answer to a call, or a message of a tool by itself. */
  see(text: string, callId: string | null, trained: boolean): void {
    if (text === '' && callId !== null && this.#silent.has(callId)) return
    this.#add('tool', trained, [{ origin: 'observation', text }])
  }

  #partsOf({ id, name, arguments: given }: ForeignCall, isDraft: boolean): Part[] {
    const ours = parseToolCall(name, given)
    if (id !== null) this.#silent.delete(id)
    if (ours !== null) {
      if (id !== null && !toolOf(ours.name).shows) this.#silent.add(id)
      return callParts(ours, isDraft)
    }
    const written = typeof given === 'string' ? given : JSON.stringify(given ?? {})
    const line: Part = { origin: 'action', text: `Call ${quotedWhereNeeded(name)}\n` }
    return [line, { origin: isDraft ? 'draft' : 'action', text: `${written}\n` }]
  }

  #add(role: Turn['role'], trained: boolean, parts: readonly Part[]): void {
    this.turns.push({ role, trained, parts: parts.filter(({ text }) => text !== '') })
  }
}
