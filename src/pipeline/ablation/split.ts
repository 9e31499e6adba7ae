import { basename, resolve } from 'node:path'
import { CoreError, sha256Hex } from '../../core/index.js'

/** Which repositories are trained on, and which are only measured. Absolute paths, in the order given. */
export interface Split {
  training: string[]
  heldOut: string[]
}

/**
 * Splits repositories into those for training and those held out: as given, or else about `share` of them by a hash of
 * their names, so that a list is split in the same way on every machine and two versions of a repository stay together.
 *
 * @throws CoreError `CONFIG_INVALID` where a repository is in both, or one side is empty
 */
export function splitRepositories(
  inputs: readonly string[],
  given: readonly string[] | null,
  { share, seed }: { share: number; seed: number },
): Split {
  const all = [...new Set(inputs.map((input) => resolve(input)))]
  const heldOut = given === null ? chooseHeldOut(all, share, seed) : [...new Set(given.map((input) => resolve(input)))]
  const both = all.filter((input) => heldOut.includes(input))
  if (given !== null && both.length > 0) {
    const message = `${both.join(', ')}: named to train on and to hold out. A repository is one or the other: take it out of one list.`
    throw new CoreError('CONFIG_INVALID', message, { both })
  }
  const training = all.filter((input) => !heldOut.includes(input))
  if (training.length === 0 || heldOut.length === 0) {
    const message = `${all.length === 1 ? 'One repository is' : `${all.length} repositories are`} too few to train on some and hold one out. Give two at least, with different names, or name some with --held-out.`
    throw new CoreError('CONFIG_INVALID', message, { training, heldOut })
  }
  return { training, heldOut }
}

function chooseHeldOut(inputs: readonly string[], share: number, seed: number): string[] {
  const rankOf = (name: string): string => sha256Hex(['held out', seed, name].join('\u0000'))
  const names = [...new Set(inputs.map((input) => basename(input)))]
  const ranked = names.map((name) => ({ name, rank: rankOf(name) })).sort((a, b) => (a.rank < b.rank ? -1 : 1))
  // At least one is held out, and at least one is trained on.
  const count = Math.min(Math.max(1, Math.round(share * names.length)), names.length - 1)
  const chosen = new Set(ranked.slice(0, count).map(({ name }) => name))
  return inputs.filter((input) => chosen.has(basename(input)))
}
