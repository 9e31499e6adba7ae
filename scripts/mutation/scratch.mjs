// A copy of the project in a temporary folder, where mutants are planted; the working tree is never changed.
import { cpSync, mkdtempSync, readdirSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { root } from '../setup.mjs'

const linked = ['node_modules', '.venv', 'build', 'models']
const leftOut = ['.git', '.retrace', 'runs']

/** Copies the project, but for what is large and never changed: that is linked. It goes away with this process. */
export function makeScratch() {
  const scratch = mkdtempSync(join(tmpdir(), 'retrace-mutants-'))
  process.on('exit', () => rmSync(scratch, { recursive: true, force: true }))
  for (const name of readdirSync(root)) {
    if (linked.includes(name)) symlinkSync(join(root, name), join(scratch, name))
    else if (!leftOut.includes(name)) cpSync(join(root, name), join(scratch, name), { recursive: true })
  }
  return scratch
}
