import type { Verdict } from './verdict.js'

/** The label of a PEM or PGP block with its body; headers such as those of an encrypted key may stand between. */
const privateKey =
  /-----BEGIN (?:[A-Z]{1,20} ){0,4}PRIVATE KEY(?: BLOCK)?-----(?:\\[rn]|[\s"'+*#>,/]){0,200}(?:(?:Proc-Type|DEK-Info|Version|Comment|Hash|Charset):(?:[^\n\\]|\\(?![rn])){0,200}(?:\n|\\[rn])(?:\\[rn]|[\s"'+*#>,/]){0,200}){0,8}[A-Za-z0-9+/=]{40}/

interface SecretForm {
  /** The kind of secret, for people. */
  what: string
  /** A part of every match. A search for it first makes the check of every file cheap. */
  mark: string
  form: RegExp
}

/**
 * Forms that only a credential has; each is long enough that prose and code do not match it by chance. Repeats are
 * bounded and begin at a mark, so the time on hostile text stays linear.
 */
const secretForms: readonly SecretForm[] = [
  { what: 'a private key', mark: 'PRIVATE KEY', form: privateKey },
  { what: 'an AWS access key', mark: 'AKIA', form: /\bAKIA(?![A-Z0-9]*EXAMPLE)[A-Z0-9]{16}\b/ },
  { what: 'an AWS access key', mark: 'ASIA', form: /\bASIA(?![A-Z0-9]*EXAMPLE)[A-Z0-9]{16}\b/ },
  ...['ghp_', 'gho_', 'ghu_', 'ghs_', 'ghr_'].map((mark) => ({
    what: 'a GitHub token',
    mark,
    form: new RegExp(`\\b${mark}[A-Za-z0-9]{36}\\b`),
  })),
  { what: 'a GitHub token', mark: 'github_pat_', form: /\bgithub_pat_[A-Za-z0-9_]{60,255}\b/ },
  { what: 'a GitLab token', mark: 'glpat-', form: /\bglpat-[A-Za-z0-9_-]{20}/ },
  { what: 'a Slack token', mark: 'xox', form: /\bxox[abprs]-\d{8,20}-[A-Za-z0-9-]{20}/ },
  {
    what: 'a Slack webhook',
    mark: 'hooks.slack.com',
    form: /hooks\.slack\.com\/services\/T[A-Z0-9]{8,12}\/B[A-Z0-9]{8,12}\/(?!X{8})[A-Za-z0-9]{20}/,
  },
  { what: 'an npm token', mark: 'npm_', form: /\bnpm_[A-Za-z0-9]{36}\b/ },
  {
    what: 'an npm token',
    mark: '_authToken',
    form: /:_authToken[ \t]{0,4}=[ \t]{0,4}["']?(?![$<{%])[A-Za-z0-9+/=_-]{20}/,
  },
  { what: 'a PyPI token', mark: 'pypi-AgEI', form: /\bpypi-AgEI[A-Za-z0-9_-]{50}/ },
  { what: 'a Stripe key', mark: 'k_live_', form: /\b[sr]k_live_[A-Za-z0-9]{20}/ },
  { what: 'an OpenAI key', mark: 'sk-proj-', form: /\bsk-proj-[A-Za-z0-9_-]{20}/ },
  { what: 'an Anthropic key', mark: 'sk-ant-', form: /\bsk-ant-[a-z]{3}\d{2}-[A-Za-z0-9_-]{40}/ },
  { what: 'a Google key', mark: 'AIza', form: /\bAIza[A-Za-z0-9_-]{35}(?![A-Za-z0-9_-])/ },
  { what: 'a Google client secret', mark: 'GOCSPX-', form: /\bGOCSPX-[A-Za-z0-9_-]{28}/ },
  { what: 'a Hugging Face token', mark: 'hf_', form: /\bhf_[A-Za-z0-9]{30}/ },
  { what: 'a SendGrid key', mark: 'SG.', form: /\bSG\.[A-Za-z0-9_-]{22}\.[A-Za-z0-9_-]{43}/ },
  // Account ids (AC...) are public; only keys (SK...) are secret.
  {
    what: 'a Twilio key',
    mark: 'TWILIO',
    form: /\bTWILIO[A-Z_]{0,20}["']?[ \t]{0,4}[:=][ \t]{0,4}["']?SK[0-9a-f]{32}\b/,
  },
  { what: 'an Azure storage key', mark: 'AccountKey=', form: /\bAccountKey=(?!Eby8vdM02xNO)[A-Za-z0-9+/]{86}==/ },
  // A signed token: a header and a body that are JSON in base64url, and a signature; example tokens of jwt.io aside.
  { what: 'a signed web token', mark: 'eyJ', form: jwtInAssignment() },
  { what: 'a password in a URL', mark: '://', form: passwordInUrl() },
]

/**
 * A signed token that is assigned to the name of a secret, or sent as a header: a token alone is too often test data.
 * The example of jwt.io's front page does not count.
 */
function jwtInAssignment(): RegExp {
  return /(?:authorization["']?[ \t]{0,4}[:=][ \t]{0,4}["'`]?bearer |(?:api|access|auth|refresh|service_role|secret)[-_]?(?:key|token)["']?[ \t]{0,4}[:=][ \t]{0,4}["'`]?)(?!eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9\.eyJzdWIiOiIxMjM0NTY3ODkw)eyJ[\w-]{15,400}\.eyJ[\w-]{40,4000}\.[\w-]{40}/i
}

/** The address of a database or broker with a password: 16 or more letters and digits of both cases, so no placeholder. */
function passwordInUrl(): RegExp {
  return /\b(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?|amqps?|rediss?):\/\/[\w.-]{1,40}:(?=[A-Za-z_.-]{0,40}\d)(?=[\d_.-]{0,40}[A-Za-z])(?=[a-z0-9_.-]{0,40}[A-Z])[\w.-]{16,80}@(?!localhost|127\.|host\b|example\b)[\w.-]{4,100}/
}

/** Skips a file with a credential. The detail names the kind of credential and never shows it. */
export function judgeSecrets(text: string): Verdict {
  const found = secretForms.find(({ mark, form }) => text.includes(mark) && form.test(text))
  return found === undefined ? null : { reason: 'secret', detail: `it holds what looks like ${found.what}` }
}
