import { z } from 'zod'
import { readFileIfPresent } from '../../core/index.js'
import type { Ablation } from '../../records/index.js'

const sourcesSchema = z.looseObject({ sources: z.array(z.looseObject({ name: z.string() })) })

/**
 * Held-out repositories whose name is among the sources that the model's `manifest.json` lists. A name is a hint and no
 * proof: a person has to look at it.
 */
export function findKnown(
  modelDir: string,
  repositories: readonly { name: string; names: readonly string[] }[],
): Ablation['repositories']['knownToModel'] {
  const bytes = readFileIfPresent(`${modelDir}/manifest.json`)
  const parsed = sourcesSchema.safeParse(bytes === null ? {} : JSON.parse(bytes.toString('utf8')))
  if (!parsed.success) return []
  const sources = parsed.data.sources.map(({ name }) => name)
  return repositories.flatMap(({ name, names }) => {
    const source = sources.find((known) => names.some((own) => isSameProject(own, known)))
    return source === undefined ? [] : [{ name, source }]
  })
}

/** Whether two names end alike: `gh-spf13-cobra`, `cobra` and `github.com/spf13/cobra`. */
function isSameProject(own: string, source: string): boolean {
  const lastOf = (name: string): string => name.toLowerCase().split('/').at(-1) ?? ''
  const [left, right] = [lastOf(own), lastOf(source)]
  return left !== '' && (left === right || (right.length > 3 && left.endsWith(`-${right}`)))
}
