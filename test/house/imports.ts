import { readFileSync, readdirSync } from 'node:fs'
import { dirname, join, relative, resolve, sep } from 'node:path'
import ts from 'typescript'

/** One import of one file by another; both are paths of `.ts` files, relative to the folder that is walked. */
export interface Import {
  from: string
  to: string
}

/** Every import between files below a folder: of values and of types, `export from` and `import()`, by file in order. */
export function importsBelow(folder: string): Import[] {
  const files = readdirSync(folder, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('.ts'))
  return files.sort().flatMap((file) => {
    const text = readFileSync(join(folder, file), 'utf8')
    return ts.preProcessFile(text, true, true).importedFiles.flatMap(({ fileName }) => {
      if (!fileName.startsWith('.')) return []
      const target = relative(folder, resolve(dirname(join(folder, file)), fileName)).replace(/\.js$/, '.ts')
      return [{ from: file.split(sep).join('/'), to: target.split(sep).join('/') }]
    })
  })
}
