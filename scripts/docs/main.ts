import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { format } from 'prettier'
import { runConfigJsonSchema, trainingConfigJsonSchema } from '../../src/config.js'
import { errorTables } from '../../src/pipeline/error-tables.js'
import { cliPage } from './cli-page.js'
import { configPage } from './config-page.js'
import { errorsPage } from './errors-page.js'
import { exampleText } from './example.js'

const root = process.cwd()
const begin = '<!-- generated: example -->'
const end = '<!-- end of generated -->'

/** Every generated file of the documentation, as it should be. */
async function generatedFiles(): Promise<Map<string, string>> {
  const schema = JSON.stringify(runConfigJsonSchema())
  const readme = readFileSync(join(root, 'README.md'), 'utf8')
  const [before, after] = [readme.indexOf(begin) + begin.length, readme.indexOf(end)]
  if (after < before) throw new Error('README.md lacks the marks of its example')
  return new Map([
    ['docs/config.md', configPage(runConfigJsonSchema(), trainingConfigJsonSchema()) + '\n'],
    ['docs/config.schema.json', await format(schema, { parser: 'json', printWidth: 120 })],
    ['docs/cli.md', cliPage(root) + '\n'],
    ['docs/errors.md', errorsPage(errorTables) + '\n'],
    ['README.md', `${readme.slice(0, before)}\n\n${await exampleText(root)}\n\n${readme.slice(after)}`],
  ])
}

const files = await generatedFiles()
const stale = [...files].filter(([path, text]) => currentText(path) !== text).map(([path]) => path)
if (process.argv.includes('--check')) {
  for (const path of stale) console.log(`${path} is not current. Run node scripts/docs.mjs.`)
  process.exitCode = stale.length > 0 ? 1 : 0
} else {
  for (const path of stale) writeFileSync(join(root, path), files.get(path) as string)
  console.log(stale.length === 0 ? 'All generated pages are current.' : `Written: ${stale.join(', ')}`)
}

function currentText(path: string): string | null {
  try {
    return readFileSync(join(root, path), 'utf8')
  } catch {
    return null
  }
}
