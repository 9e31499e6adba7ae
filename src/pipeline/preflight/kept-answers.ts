import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { cacheFolder, type GenerationOptions } from '../../generation/index.js'

/** Whether the cache has answers: a run that finds all of its own there needs no server. */
export function hasKeptAnswers(options: GenerationOptions): boolean {
  if (options.kind !== 'endpoint') return false
  const folder = cacheFolder(options)
  if (!existsSync(folder)) return false
  const shelves = readdirSync(folder, { withFileTypes: true }).filter((entry) => /^[0-9a-f]{2}$/.test(entry.name))
  return shelves.some(
    (shelf) => shelf.isDirectory() && readdirSync(join(folder, shelf.name)).some((name) => name.endsWith('.json')),
  )
}
