import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, isAbsolute, join } from 'node:path'

/** The largest single piece of memory that git may take. */
const maxAllocation = '256m'

/** The result of a call of git, with standard output cut at `maxBytes`. */
export interface GitAnswer {
  status: 'ok' | 'failed' | 'too-much' | 'timed-out' | 'no-git'
  stdout: Buffer
  /** The last line of standard error, for people. */
  complaint: string
}

/**
 * Runs git on the objects of one repository and on nothing else of it. The repository's `config` can name programs (file
 * system monitors, hooks, filters, ssh, credential helpers), include other files, and name servers to fetch from. So git
 * gets a folder made here with its own short config, and only the objects come from the repository.
 */
export class GitProcess {
  readonly #timeoutMs: number
  readonly #folder: string
  readonly #environment: NodeJS.ProcessEnv

  /** @param idLength hex digits of an object id: 40 with SHA-1, 64 with SHA-256 */
  constructor(gitFolder: string, idLength: number, timeoutMs: number) {
    this.#timeoutMs = timeoutMs
    this.#folder = mkdtempSync(join(tmpdir(), 'retrace-git-'))
    const format =
      idLength === 64
        ? '[core]\n\trepositoryformatversion = 1\n[extensions]\n\tobjectformat = sha256\n'
        : '[core]\n\trepositoryformatversion = 0\n'
    mkdirSync(join(this.#folder, 'refs'))
    writeFileSync(join(this.#folder, 'HEAD'), 'ref: refs/heads/none\n')
    writeFileSync(
      join(this.#folder, 'config'),
      `${format}[core]\n\tbare = true\n\tcommitGraph = false\n\tmultiPackIndex = false\n`,
    )
    this.#environment = {
      // A relative folder in PATH could be one of the repository's.
      PATH: (process.env['PATH'] ?? '').split(delimiter).filter(isAbsolute).join(delimiter),
      // Windows starts no program without it.
      ...(process.env['SystemRoot'] === undefined ? {} : { SystemRoot: process.env['SystemRoot'] }),
      LC_ALL: 'C',
      HOME: this.#folder,
      GIT_DIR: this.#folder,
      GIT_OBJECT_DIRECTORY: join(gitFolder, 'objects'),
      GIT_CONFIG_NOSYSTEM: '1',
      GIT_CONFIG_SYSTEM: '/dev/null',
      GIT_CONFIG_GLOBAL: '/dev/null',
      GIT_ATTR_NOSYSTEM: '1',
      GIT_ALLOW_PROTOCOL: '',
      GIT_NO_LAZY_FETCH: '1',
      GIT_TERMINAL_PROMPT: '0',
      GIT_OPTIONAL_LOCKS: '0',
      GIT_NO_REPLACE_OBJECTS: '1',
      // An object of a few kilobytes can unpack to gigabytes, and a small file can be a change to a large one.
      GIT_ALLOC_LIMIT: maxAllocation,
    }
  }

  run(args: readonly string[], maxBytes: number, input = ''): GitAnswer {
    const safe = [
      '--no-pager',
      '-c',
      'protocol.allow=never',
      '-c',
      'core.fsmonitor=false',
      '-c',
      'core.hooksPath=/dev/null',
    ]
    const { status, stdout, stderr, error } = spawnSync('git', [...safe, ...args], {
      cwd: this.#folder,
      env: this.#environment,
      input,
      maxBuffer: maxBytes,
      timeout: this.#timeoutMs,
      killSignal: 'SIGKILL',
      windowsHide: true,
    })
    const code = (error as NodeJS.ErrnoException | undefined)?.code
    const complaint = (stderr ?? '').toString('utf8').trim().split('\n').at(-1) ?? ''
    return {
      status: code === undefined ? (status === 0 ? 'ok' : 'failed') : statusOf(code),
      stdout: stdout ?? Buffer.alloc(0),
      complaint,
    }
  }

  dispose(): void {
    rmSync(this.#folder, { recursive: true, force: true })
  }
}

function statusOf(code: string): GitAnswer['status'] {
  if (code === 'ENOBUFS') return 'too-much'
  if (code === 'ETIMEDOUT') return 'timed-out'
  return code === 'ENOENT' || code === 'EACCES' ? 'no-git' : 'failed'
}
