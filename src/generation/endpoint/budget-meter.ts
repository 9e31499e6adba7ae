import type { Call } from '../../records/index.js'
import type { Budget } from '../context.js'
import { GenerationError } from '../errors.js'

/** English and code have about this many bytes to a token. */
const bytesPerToken = 4

/**
 * What may still be spent. Calls under way count as spent until they end otherwise, so that there is never one more than
 * the budget allows; of tokens, those that are under way when the last is spent still come on top.
 *
 * Once a call was refused, all are: which ones a run still gets must not hang on which one fails.
 */
export class BudgetMeter {
  private calls = 0
  private tokens = 0
  private refused = false

  constructor(private readonly budget: Budget) {}

  /** @throws GenerationError `BUDGET_SPENT` */
  check(): void {
    this.refused ||= this.calls >= (this.budget.calls ?? Infinity) || this.tokens >= (this.budget.tokens ?? Infinity)
    if (!this.refused) return
    throw new GenerationError(
      'BUDGET_SPENT',
      `The budget is spent: ${this.calls} calls and ${this.tokens} tokens of ${this.budget.calls ?? 'any number of'} ` +
        `calls and ${this.budget.tokens ?? 'any number of'} tokens. Give more, and the same command goes on from here.`,
      { calls: this.calls, tokens: this.tokens },
    )
  }

  /** Takes one call. @throws GenerationError `BUDGET_SPENT` */
  reserve(): void {
    this.check()
    this.calls++
  }

  /** Gives a call back that nothing was paid for. */
  giveBack(): void {
    this.calls--
  }

  countTokens(call: Call): void {
    this.tokens += tokensOf(call)
  }
}

/** Tokens of prompt and answer; a guess from their length where the server does not count, so that a run still stops. */
function tokensOf({ usage, request, text }: Call): number {
  const counted = usage.promptTokens + usage.completionTokens
  if (counted > 0) return counted
  return Math.ceil(Buffer.byteLength(JSON.stringify(request.messages) + text) / bytesPerToken)
}
