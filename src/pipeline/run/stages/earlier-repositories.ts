import { CoreError, type RunStore } from '../../../core/index.js'
import {
  GroundingError,
  NearDuplicateIndex,
  signaturesSchema,
  type Duplicates,
  type GroundingOptions,
  type RepositorySignatures,
} from '../../../grounding/index.js'

/** The repositories that a run kept so far, in the order given: each new one is compared with them. */
export class EarlierRepositories {
  readonly #store: RunStore
  readonly #ids = new Set<string>()
  readonly #index: NearDuplicateIndex | null
  readonly #maxShare: number

  constructor(store: RunStore, options: GroundingOptions['duplicates']) {
    this.#store = store
    this.#index = options === false ? null : new NearDuplicateIndex(options.threshold)
    this.#maxShare = options === false ? 1 : options.maxShare
  }

  /** Adds a repository that an earlier start of the run kept, from its record. */
  restore(id: string): void {
    this.#ids.add(id)
    if (this.#index !== null) this.#index.add(this.#store.read('signatures', id, signaturesSchema))
  }

  /** Adds a repository that was kept just now. */
  add(signatures: RepositorySignatures): void {
    this.#ids.add(signatures.id)
    this.#index?.add(signatures)
  }

  /**
   * The near-duplicates of a repository, `null` where they are not looked for.
   *
   * @throws CoreError `INPUT_INVALID` for the same content; GroundingError `NEAR_DUPLICATE` for too much of it
   */
  judge(input: string, signatures: RepositorySignatures): Duplicates | null {
    const { id } = signatures
    if (this.#ids.has(id)) {
      throw new CoreError(
        'INPUT_INVALID',
        `${input} has the same content as an input before it, ${id}; it counts once.`,
      )
    }
    if (this.#index === null) return null
    const duplicates = this.#index.find(signatures)
    if (duplicates.share > this.#maxShare) throw nearDuplicate(input, duplicates, this.#maxShare)
    return duplicates
  }
}

function nearDuplicate(input: string, { share, files }: Duplicates, maxShare: number): GroundingError {
  const counts = new Map<string, number>()
  for (const { of } of files) counts.set(of.repository, (counts.get(of.repository) ?? 0) + 1)
  const repositories = [...counts].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1))
  const named = repositories.slice(0, 3).map(([id, count]) => `${count} of ${id}`)
  const percent = (part: number): string => `${Math.round(part * 1000) / 10} %`
  const message =
    `${input}: ${percent(share)} of its source bytes are near-duplicates of files in earlier repositories (files: ${named.join(', ')}), ` +
    `over the bound of ${percent(maxShare)} (grounding.duplicates.maxShare). Leave it out, or raise the bound.`
  const details = { share, repositories: repositories.map(([id, count]) => ({ id, files: count })) }
  return new GroundingError('NEAR_DUPLICATE', message, details)
}
