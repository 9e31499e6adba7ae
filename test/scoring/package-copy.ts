import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

const root = process.env.RETRACE_ROOT ?? process.cwd()

interface Manifest {
  name: string
  dependencies?: Record<string, string>
  optionalDependencies?: Record<string, string>
}

/**
 * A copy of the compiled package below the `node_modules` of an empty program, with its dependencies beside it, as npm
 * would install it, without those that are left out. It has no native engine, neither built nor prebuilt.
 *
 * @returns the folder of the package
 */
export function installedCopy(leftOut: readonly string[] = []): string {
  const program = mkdtempSync(join(tmpdir(), 'retrace-installed-'))
  process.on('exit', () => rmSync(program, { recursive: true, force: true }))
  const modules = join(program, 'node_modules')
  const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Manifest
  const installed = join(modules, manifest.name)
  mkdirSync(installed, { recursive: true })
  cpSync(join(root, 'package.json'), join(installed, 'package.json'))
  for (const folder of ['dist/src', 'scripts']) cpSync(join(root, folder), join(installed, folder), { recursive: true })
  const isShipped = (path: string): boolean => path !== join(root, 'native', 'test')
  cpSync(join(root, 'native'), join(installed, 'native'), { recursive: true, filter: isShipped })
  for (const name of Object.keys({ ...manifest.dependencies, ...manifest.optionalDependencies })) {
    if (leftOut.includes(name)) continue
    mkdirSync(dirname(join(modules, name)), { recursive: true })
    symlinkSync(join(root, 'node_modules', name), join(modules, name))
  }
  return installed
}

/** Runs a program in a process, with the package's room `scoring` and its `native-folders` as names of two modules. */
export function runWith(
  installed: string,
  program: string,
  env: NodeJS.ProcessEnv = {},
): { stdout: string; stderr: string; status: number | null } {
  const rooms = ['scoring/index.js', 'scoring/backends/native/native-folders.js']
  const [scoring, folders] = rooms.map((path) => JSON.stringify(join(installed, 'dist', 'src', path)))
  const head = `import * as scoring from ${scoring}; import * as folders from ${folders}\n`
  const { RETRACE_NATIVE_DIR: _native, XDG_CACHE_HOME: _cache, ...clean } = process.env
  const options = { encoding: 'utf8', env: { ...clean, ...env }, cwd: dirname(dirname(installed)) } as const
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', head + program], options)
  return { stdout, stderr, status }
}
