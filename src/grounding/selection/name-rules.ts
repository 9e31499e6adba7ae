import { basename, dirname, extname } from 'node:path/posix'
import { counted } from '../counted.js'
import { languageOf } from '../languages/language-of.js'
import type { GroundingOptions } from '../options.js'
import type { Verdict } from './verdict.js'

const wordsIn = (text: string): Set<string> => new Set(text.split(' '))

const vendoredFolders = wordsIn(
  'node_modules bower_components vendor vendored third_party third-party .git .hg .svn __pycache__ site-packages ' +
    '.venv venv .tox .mypy_cache .pytest_cache .yarn .eggs',
)

const lockFiles = wordsIn(
  'package-lock.json npm-shrinkwrap.json yarn.lock pnpm-lock.yaml bun.lockb bun.lock poetry.lock pipfile.lock ' +
    'uv.lock pdm.lock cargo.lock composer.lock gemfile.lock go.sum deno.lock',
)

const binaryExtensions = wordsIn(
  '.png .jpg .jpeg .gif .webp .avif .bmp .ico .icns .tif .tiff .psd .pdf .zip .gz .tgz .bz2 .xz .zst .7z .rar .tar .jar ' +
    '.whl .egg .so .dylib .dll .exe .o .a .lib .obj .class .pyc .pyo .pyd .wasm .node .bin .dat .db .sqlite .woff .woff2 ' +
    '.ttf .otf .eot .mp3 .mp4 .m4a .mov .avi .mkv .webm .ogg .wav .flac .npy .npz .pkl .parquet .arrow .safetensors .onnx',
)

/** Files that protocol compilers, string tables and form designers write. */
const generatedNames = /\.pb(\.gw)?\.go$|\.g(\.i)?\.cs$|\.designer\.cs$|^zz_generated\..*\.go$/i

/** Whether a folder has the code of other projects or the cache of a tool. */
export function isVendoredFolder(name: string): boolean {
  return vendoredFolders.has(name.toLowerCase()) || name.endsWith('.egg-info') || name.endsWith('.dist-info')
}

/** The vendored folder around a path, if there is one: `a/node_modules` of `a/node_modules/b/c.js`. */
export function vendoredPart(path: string): string | undefined {
  const folder = dirname(path)
  if (folder === '.') return undefined
  const parts = folder.split('/')
  const at = parts.findIndex(isVendoredFolder)
  return at < 0 ? undefined : parts.slice(0, at + 1).join('/')
}

/** Skips a vendored folder. */
export const vendoredVerdict = {
  reason: 'vendored',
  detail: "a folder of other people's code or of a tool",
} as const

/** Skips what lies too many folders below the root. */
export const tooDeepVerdict = ({ maxDepth }: GroundingOptions) =>
  ({ reason: 'too-deep', detail: `more than ${counted(maxDepth, 'folder')} deep (maxDepth)` }) as const

/** Skips a name that a trajectory could not write on every system. */
export function judgePathName(path: string): Verdict {
  if (!/[\\\u0000-\u001f\u007f\uFFFD]/.test(path)) return null
  return {
    reason: 'unsupported',
    detail: 'its name holds a control character, a backslash or bytes that are not UTF-8',
  }
}

/** Skips by name and size, before the file is read. */
export function judgeByName(path: string, sizeBytes: number, options: GroundingOptions): Verdict {
  const name = basename(path)
  const extension = extname(name).toLowerCase()
  if (binaryExtensions.has(extension))
    return { reason: 'binary', detail: `a ${extension} file, ${counted(sizeBytes, 'byte')}` }
  if (lockFiles.has(name.toLowerCase())) return { reason: 'generated', detail: 'a lock file' }
  if (/[.-]min\.(js|mjs|cjs|css)$/i.test(name)) return { reason: 'generated', detail: 'minified code' }
  if (/\.(production|development|profiling)\.[cm]?js$/i.test(name))
    return { reason: 'generated', detail: 'bundled code' }
  if (/\.(map|tsbuildinfo|snap)$/i.test(name)) return { reason: 'generated', detail: `a ${extension} file` }
  if (generatedNames.test(name)) return { reason: 'generated', detail: 'named as the output of a code generator' }
  const isText = languageOf(path) === 'text'
  const bound = isText ? options.maxTextSizeBytes : options.maxFileSizeBytes
  if (sizeBytes <= bound) return null
  const option = isText ? 'maxTextSizeBytes' : 'maxFileSizeBytes'
  return {
    reason: 'oversized',
    detail: `${counted(sizeBytes, 'byte')}, over the bound of ${counted(bound, 'byte')} (${option})`,
  }
}
