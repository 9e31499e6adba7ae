import type { Call } from '../../records/index.js'
import type { Budget } from '../context.js'
import { GenerationError } from '../errors.js'

/** Roughly, for English and code. */
const bytesPerToken = 4

/**
 * Counts what is spent of a budget. A call counts from the moment it is sent, and is given back if it was not paid, so
 * that there is never one call more than the budget allows. Tokens are known only afterwards: those of calls that are
 * under way when the last token is spent come on top.
 *
 * Once a call was refused, all later ones are: which calls a run still makes must not depend on which of them fails.
 */
export class BudgetMeter {
  readonly #budget: Budget
  #calls = 0
  #tokens = 0
  #isSpent = false

  constructor(budget: Budget) {
    this.#budget = budget
  }

  /** @throws GenerationError `BUDGET_SPENT` */
  check(): void {
    const { calls, tokens } = this.#budget
    this.#isSpent ||= this.#calls >= (calls ?? Infinity) || this.#tokens >= (tokens ?? Infinity)
    if (!this.#isSpent) return
    throw new GenerationError(
      'BUDGET_SPENT',
      `The budget is spent: ${this.#calls} calls and ${this.#tokens} tokens of ${calls ?? 'any number of'} ` +
        `calls and ${tokens ?? 'any number of'} tokens. Give more, and the same command goes on from here.`,
      { calls: this.#calls, tokens: this.#tokens },
    )
  }

  /** Counts one call before it is sent. @throws GenerationError `BUDGET_SPENT` */
  reserve(): void {
    this.check()
    this.#calls++
  }

  /** Gives back a reserved call that was not paid. */
  giveBack(): void {
    this.#calls--
  }

  countTokens(call: Call): void {
    this.#tokens += tokensOf(call)
  }
}

/** Tokens of prompt and answer; estimated from their length if the server does not count, so that a run still stops. */
function tokensOf({ usage, request, text }: Call): number {
  const tokens = usage.promptTokens + usage.completionTokens
  if (tokens > 0) return tokens
  return Math.ceil(Buffer.byteLength(JSON.stringify(request.messages) + text) / bytesPerToken)
}
