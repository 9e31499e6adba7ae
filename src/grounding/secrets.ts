import type { Verdict } from './skip-rules.js'

/** Forms that only a credential has; each is long enough that prose and code do not hit it by chance. */
const secretForms: readonly (readonly [string, RegExp])[] = [
  ['a private key', /-----BEGIN (?:[A-Z]+ )*PRIVATE KEY-----\s+(?:[A-Za-z0-9+/=]{40,}\s+){2}/],
  ['an AWS access key', /\b(?:AKIA|ASIA)(?![A-Z0-9]*EXAMPLE)[A-Z0-9]{16}\b/],
  ['a GitHub token', /\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})\b/],
  ['a Slack token', /\bxox[abprs]-\d{8,}-[A-Za-z0-9-]{20,}/],
  ['an npm token', /\bnpm_[A-Za-z0-9]{36}\b/],
]

/** A file with a credential in it stays out; its content is named by kind alone and never shown. */
export function judgeSecrets(text: string): Verdict {
  const found = secretForms.find(([, form]) => form.test(text))
  return found === undefined ? null : { reason: 'secret', detail: `it holds what looks like ${found[0]}` }
}
