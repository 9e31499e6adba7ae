import type { Verdict } from './skip-rules.js'

/** The label of a PEM or PGP block; headers as those of an encrypted key may stand before its body. */
const privateKey =
  /-----BEGIN (?:[A-Z]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----(?:\\[rn]|[\s"'+*#>,/]){0,200}(?:(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset):(?:[^\n\\]|\\(?![rn])){0,200}(?:\n|\\[rn])(?:\\[rn]|[\s"'+*#>,/]){0,200}){0,8}[A-Za-z0-9+/=]{40}/

/** Forms that only a credential has; each is long enough that prose and code do not hit it by chance. */
const secretForms: readonly (readonly [string, RegExp])[] = [
  ['a private key', privateKey],
  ['an AWS access key', /\b(?:AKIA|ASIA)(?![A-Z0-9]*EXAMPLE)[A-Z0-9]{16}\b/],
  ['a GitHub token', /\b(?:gh[pousr]_[A-Za-z0-9]{36}|github_pat_[A-Za-z0-9_]{60,})\b/],
  ['a GitLab token', /\bglpat-[A-Za-z0-9_-]{20}/],
  ['a Slack token', /\bxox[abprs]-\d{8,}-[A-Za-z0-9-]{20,}/],
  ['an npm token', /\bnpm_[A-Za-z0-9]{36}\b/],
  ['a Stripe key', /\bsk_live_[A-Za-z0-9]{20}/],
  ['an OpenAI key', /\bsk-proj-[A-Za-z0-9_-]{20}/],
  ['a Google key', /\bAIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])/],
  ['a Hugging Face token', /\bhf_[A-Za-z0-9]{30}/],
]

/** A file with a credential in it stays out; its content is named by kind alone and never shown. */
export function judgeSecrets(text: string): Verdict {
  const found = secretForms.find(([, form]) => form.test(text))
  return found === undefined ? null : { reason: 'secret', detail: `it holds what looks like ${found[0]}` }
}
