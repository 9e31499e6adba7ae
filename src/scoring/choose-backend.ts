import { backendNames, backends, type BackendName } from './backends/table.js'
import { ScoringError } from './errors.js'
import type { CheckedScorerSettings } from './options.js'

interface BackendChoice {
  backend: BackendName
  /** Why this one, where the choice was left open. */
  reason: string | null
}

/** A backend that cannot be loaded here. */
interface Failed {
  backend: BackendName
  error: ScoringError
}

/**
 * The backend that the settings name, or for `auto` the first that can honour them and loads on this machine.
 *
 * @throws ScoringError `BACKEND_MISSING`, or what the only one that could honour them says
 */
export function chooseBackend(settings: CheckedScorerSettings): BackendChoice {
  if (settings.backend !== 'auto') return { backend: settings.backend, reason: null }
  const failed: Failed[] = []
  for (const backend of backendNames.filter((name) => backends[name].refuse(settings).length === 0)) {
    const error = backends[backend].whyUnavailable()
    if (error === null) return { backend, reason: reasonFor(failed) }
    failed.push({ backend, error })
  }
  const [first, ...others] = failed
  if (first !== undefined && others.length === 0) throw first.error
  const steps = failed.map(({ backend }) => backends[backend].install).join(', or ')
  throw new ScoringError('BACKEND_MISSING', `No backend can be loaded to score with: ${listOf(failed)}. Run ${steps}.`)
}

function reasonFor(failed: readonly Failed[]): string {
  return failed.length === 0 ? 'it is the first choice, and can be loaded' : `of those before it, ${listOf(failed)}`
}

function listOf(failed: readonly Failed[]): string {
  return failed.map(({ backend, error }) => `${backend} (${String(error.details['why'])})`).join(', ')
}
