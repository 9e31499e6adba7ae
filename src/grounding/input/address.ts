import { existsSync } from 'node:fs'
import { GroundingError } from '../errors.js'

const addressForms: readonly RegExp[] = [
  // https://github.com/owner/name, ssh://host/name
  /^[a-z][a-z0-9+.-]*:\/\/\S+$/i,
  // git@github.com:owner/name.git
  /^[\w.-]+@[\w-]+(?:\.[\w-]+)+:\S+$/,
  // github.com/owner/name
  /^(?:www\.)?(?:github\.com|gitlab\.com|bitbucket\.org|codeberg\.org|git\.sr\.ht)\/[^/\s]+\/\S+$/i,
]

/**
 * Refuses the address of a repository on a server: nothing is downloaded.
 *
 * @throws GroundingError `INPUT_NOT_FOUND`, with the command that makes a folder of it
 */
export function refuseAddress(input: string): void {
  if (!addressForms.some((form) => form.test(input)) || existsSync(input)) return
  const message = `${input} is an address, not a folder. Clone it first: git clone ${cloneAddress(input)}`
  throw new GroundingError('INPUT_NOT_FOUND', message, { input })
}

/** The address for `git clone`: with a scheme, without what a browser adds to show a part of the repository. */
function cloneAddress(input: string): string {
  const address = /^[^/]*[@:]/.test(input) ? input : `https://${input}`
  return address.replace(/[?#].*$/, '').replace(/\/(?:-\/)?(?:tree|blob|commit)\/.*$/, '')
}
