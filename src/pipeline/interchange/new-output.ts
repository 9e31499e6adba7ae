import { existsSync, mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, statSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { basename, dirname, join, resolve } from 'node:path'
import { CoreError } from '../../core/index.js'

/** Where a command's output goes, and whether it may replace the output of an earlier call. */
export interface NewOutput {
  path: string
  force: boolean
}

/**
 * Writes a file that appears whole or not at all.
 *
 * @throws CoreError `CONFIG_INVALID` where something is there that may not be replaced
 */
export async function writeNewFile(
  output: NewOutput,
  work: (write: (data: Uint8Array | string) => Promise<void>) => Promise<void>,
): Promise<void> {
  const path = resolve(output.path)
  checkFree(output, () => statSync(path).isFile())
  mkdirSync(dirname(path), { recursive: true })
  const temporary = `${path}.${process.pid}.tmp`
  const file = await open(temporary, 'w')
  try {
    await work(async (data) => {
      await file.writeFile(data)
    })
    await file.sync()
    await file.close()
    renameSync(temporary, path)
  } finally {
    await file.close()
    rmSync(temporary, { force: true })
  }
}

/**
 * Fills a folder that appears whole or not at all.
 *
 * @param isEarlier whether a folder holds nothing but the output of the same command; only such a folder is replaced
 * @throws CoreError `CONFIG_INVALID` where something is there that may not be replaced
 */
export async function writeNewFolder(
  output: NewOutput,
  isEarlier: (folder: string) => boolean,
  work: (folder: string) => Promise<void> | void,
): Promise<void> {
  const path = resolve(output.path)
  checkFree(output, () => statSync(path).isDirectory() && isEarlier(path))
  mkdirSync(dirname(path), { recursive: true })
  const scratch = mkdtempSync(join(dirname(path), `.${basename(path)}-`))
  const [made, replaced] = [join(scratch, 'new'), join(scratch, 'old')]
  try {
    mkdirSync(made)
    await work(made)
    if (existsSync(path)) renameSync(path, replaced)
    renameSync(made, path)
  } finally {
    rmSync(scratch, { recursive: true, force: true })
  }
}

function checkFree({ path, force }: NewOutput, isReplaceable: () => boolean): void {
  if (!existsSync(path) || isEmpty(path)) return
  if (!force) {
    throw new CoreError('CONFIG_INVALID', `${path} is there already. Give another --out, or --force to replace it.`)
  }
  if (isReplaceable()) return
  throw new CoreError('CONFIG_INVALID', `${path} holds other things than this command writes. Give another --out.`)
}

/** Whether a path is an empty folder; a file is never empty in this sense. */
function isEmpty(path: string): boolean {
  return statSync(path).isDirectory() && readdirSync(path).length === 0
}
