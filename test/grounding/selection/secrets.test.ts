import { suite } from '../../suite.js'
import * as assert from 'uvu/assert'
import { judgeSecrets } from '../../../src/grounding/selection/secrets.js'

const test = suite('secrets')
const fill = (length: number): string => 'aB3dE5gH7jK9'.repeat(Math.ceil(length / 12)).slice(0, length)

// Joined here, so that this file contains no secret itself.
const credentials: [string, string][] = [
  ['a GitHub token', `token = "${'gh' + 'p_'}${fill(36)}"`],
  ['an AWS access key', `${'AK' + 'IA'}IOSFODNN7ABCDEFG`],
  ['a SendGrid key', `${'S' + 'G.'}${fill(22)}.${fill(43)}`],
  ['a Twilio key', `TWILIO_API_KEY=${'S' + 'K'}${'0123456789abcdef'.repeat(2)}`],
  ['an Azure storage key', `DefaultEndpointsProtocol=https;Account${'Key='}${fill(86)}==;EndpointSuffix=x`],
  ['an npm token', `//registry.example.com/:_auth${'Token='}${fill(36)}`],
  ['a PyPI token', `password = ${'pypi-' + 'AgEI'}${fill(60)}`],
  ['a Slack webhook', `https://hooks.slack.com/${'services'}/T01234567/B01234567/${fill(24)}`],
  ['an Anthropic key', `${'sk-' + 'ant-'}api03-${fill(60)}`],
  ['a Google client secret', `${'GOC' + 'SPX-'}${fill(28)}`],
  ['a signed web token', `Authorization: Bearer ${'ey' + 'J'}${fill(30)}.${'ey' + 'J'}${fill(60)}.${fill(43)}`],
  ['a password in a URL', `DATABASE_URL=postgres://admin:${fill(20)}@db.internal:5432/app`],
  [
    'a private key',
    `{"type": "service_account", "private_key": "${'-----BEGIN ' + 'PRIVATE KEY-----'}\\n${fill(64)}\\n"}`,
  ],
]

test('a credential of each kind is found, named, and not shown', () => {
  for (const [what, text] of credentials) {
    const verdict = judgeSecrets(`first = 1\n${text}\nlast = 2\n`)
    assert.is(verdict?.reason, 'secret', what)
    assert.is(verdict?.detail, `it holds what looks like ${what}`)
  }
})

test('placeholders, examples and names of variables are none', () => {
  const harmless = [
    `${'AK' + 'IA'}IOSFODNN7EXAMPLE`,
    '//packages.example.org/:_authToken=${NPM_TOKEN}',
    '//packages.example.org/:_authToken=<your-token-goes-here-please>',
    'postgres://user:password@localhost:5432/test',
    'postgres://user:${DB_PASSWORD}@db:5432/test',
    'mongodb://root:examplepassword@mongo:27017/',
    'https://hooks.slack.com/services/T00000000/B00000000/XXXXXXXXXXXXXXXXXXXXXXXX',
    'TWILIO_API_KEY=your_key_here',
    'const skeleton = "SK" + id',
    `expected = '${'ey' + 'J'}${fill(30)}.${'ey' + 'J'}${fill(60)}.${fill(43)}'`,
  ]
  for (const text of harmless) assert.is(judgeSecrets(text), null, text)
})

test('hostile text costs no more than its length', () => {
  for (const part of [
    'authorization: bearer eyJ',
    'postgres://a:',
    'AccountKey=',
    '-----BEGIN PRIVATE KEY-----\n',
    'ghp_a',
    'eyJ.eyJ',
  ]) {
    assert.is(judgeSecrets(part.repeat(Math.ceil(200_000 / part.length))), null, part)
  }
})

test.run()
