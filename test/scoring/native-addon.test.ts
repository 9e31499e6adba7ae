import { execFile, execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readFileSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import * as assert from 'uvu/assert'
import { loadAddon } from '../../src/scoring/backends/native/load-addon.js'
import { reviveNativeError } from '../../src/scoring/backends/native/native-error.js'
import { ScoringError } from '../../src/scoring/index.js'
import { addonPath, library, suiteUnless, tinyLlama, whyNoNative } from './native-support.js'

const root = process.env.RETRACE_ROOT ?? process.cwd()

function codeOf(work: () => unknown): { code: string; message: string } {
  try {
    work()
  } catch (error) {
    assert.instance(error, ScoringError)
    return error as ScoringError
  }
  throw new Error('It was accepted.')
}

suiteUnless(null, 'native, loading the addon', (test) => {
  test('where it is not built, the code says so and the message says how', () => {
    const { code, message } = codeOf(() => loadAddon('/nowhere'))
    assert.is(code, 'NATIVE_NOT_BUILT')
    assert.match(message, /Run retrace build-native, or score with the backend "onnx"\.$/)
  })

  test('a file that is no addon is refused with the reason and the next step', () => {
    const folder = mkdtempSync(join(tmpdir(), 'addon-'))
    writeFileSync(join(folder, 'retrace.node'), 'not a library')
    const { code, message } = codeOf(() => loadAddon(folder))
    assert.is(code, 'NATIVE_INCOMPATIBLE')
    assert.match(message, /cannot be loaded by Node .*\(.+\)\. Build it on this machine: retrace build-native\.$/)
    rmSync(folder, { recursive: true })
  })

  test('an addon of other sources is refused by its interface number', () => {
    // The nearest addon that is not ours.
    const folder = mkdtempSync(join(tmpdir(), 'addon-'))
    const binding = join(root, 'node_modules/onnxruntime-node/bin/napi-v6', process.platform, process.arch)
    symlinkSync(join(binding, 'onnxruntime_binding.node'), join(folder, 'retrace.node'))
    const program = `
      import { createScorer } from ${JSON.stringify(library)}
      await createScorer({ backend: 'native', modelDir: ${JSON.stringify(tinyLlama)} }).catch((error) => {
        console.log(error.code, error.message)
      })`
    const env = { ...process.env, RETRACE_NATIVE_DIR: folder, ORT_DISABLE_TELEMETRY: '1' }
    const child = spawnSync(process.execPath, ['--input-type=module', '-e', program], { encoding: 'utf8', env })
    assert.match(
      child.stdout,
      /^NATIVE_INCOMPATIBLE .*interface undefined, expected 1.*retrace build-native/,
      child.stderr,
    )
    rmSync(folder, { recursive: true })
  })

  test('errors of the addon keep their code, message and where a device failed', () => {
    const details = { file: 'gemm.cu', line: 12, nativeStatus: 700 }
    const lost = Object.assign(new Error('lost'), { code: 'DEVICE_LOST', details })
    const revived = reviveNativeError(lost)
    assert.instance(revived, ScoringError)
    assert.equal([revived.code, revived.message, revived.details], ['DEVICE_LOST', 'lost', details])
    assert.is(reviveNativeError(Object.assign(new Error('x'), { code: 'INTERNAL' })).code, 'BACKEND_FAILED')
    assert.is(reviveNativeError(Object.assign(new Error('x'), { code: 'INVALID_OPTIONS' })).code, 'CONFIG_INVALID')
    assert.is(reviveNativeError(new TypeError('x')).code, 'BACKEND_FAILED')
  })
}).run()

suiteUnless(whyNoNative, 'native, the addon from outside', (test) => {
  test('it asks nothing of the process but Node-API, the C and the C++ library', () => {
    if (spawnSync('nm', ['--version']).error !== undefined) {
      return void process.stdout.write('skipped: there is no nm to list symbols with\n')
    }
    const lines = execFileSync('nm', ['-D', '--undefined-only', addonPath], { encoding: 'utf8' }).trim().split('\n')
    // Those of a library carry its version behind an @; weak ones (w, v) may stay undefined.
    const names = lines.filter((line) => !/(^| )[wv] /.test(line)).map((line) => line.trim().split(' ').at(-1)!)
    const foreign = names.filter((name) => !/@(GLIBC|GLIBCXX|CXXABI|GCC)_/.test(name))
    assert.ok(foreign.length > 20, `only ${foreign.length} symbols were seen`)
    assert.equal(
      foreign.filter((name) => !name.startsWith('napi_')),
      [],
    )
  })

  test('it needs no library that a plain system lacks', () => {
    if (spawnSync('readelf', ['--version']).error !== undefined) {
      return void process.stdout.write('skipped: there is no readelf to list libraries with\n')
    }
    const dynamic = execFileSync('readelf', ['-d', addonPath], { encoding: 'utf8' })
    const needed = [...dynamic.matchAll(/NEEDED.*\[(.+)\]/g)].map(([, name]) => name!)
    assert.ok(needed.length > 0)
    assert.equal(
      needed.filter((name) => !/^(lib(stdc\+\+|m|gcc_s|c|dl|pthread)\.so|ld-linux)/.test(name)),
      [],
    )
    assert.match(dynamic, /NODELETE/, 'a worker thread that ends would unmap it under the engine')
  })

  test('an addon or a device library that is cut off is refused before it can end the process', () => {
    for (const name of ['retrace.node', 'libretrace_cuda.so']) {
      for (const length of [5, 40, 5000, 60_000]) {
        const folder = mkdtempSync(join(tmpdir(), 'addon-'))
        copyFileSync(addonPath, join(folder, 'retrace.node'))
        copyFileSync(addonPath, join(folder, name))
        truncateSync(join(folder, name), length)
        const { code, message } = codeOf(() => loadAddon(folder))
        assert.is(code, 'NATIVE_INCOMPATIBLE')
        assert.match(message, new RegExp(`${name} does not fit: it is cut off.*retrace build-native`))
        rmSync(folder, { recursive: true })
      }
    }
  })

  test('an addon for another processor is refused by its name, before the system looks at it', () => {
    const folder = mkdtempSync(join(tmpdir(), 'addon-'))
    const bytes = readFileSync(addonPath)
    // `e_machine` of the ELF header; 183 is 64-bit ARM, 62 is x86-64.
    bytes.writeUInt16LE(process.arch === 'arm64' ? 62 : 183, 18)
    writeFileSync(join(folder, 'retrace.node'), bytes)
    const { code, message } = codeOf(() => loadAddon(folder))
    assert.is(code, 'NATIVE_INCOMPATIBLE')
    assert.match(
      message,
      /retrace\.node does not fit: it was built for (arm64|x64), not (x64|arm64)\. .*retrace build-native\.$/,
    )
    rmSync(folder, { recursive: true })
  })

  test('an addon for a newer C library is refused with its version', () => {
    const bytes = readFileSync(addonPath)
    const versions = [...bytes.toString('latin1').matchAll(/GLIBC_2\.\d\d(?=\0)/g)]
    if (versions.length === 0) return void process.stdout.write('skipped: the addon asks for no version of glibc\n')
    const folder = mkdtempSync(join(tmpdir(), 'addon-'))
    for (const { index } of versions) bytes.write('GLIBC_9.99', index, 'latin1')
    writeFileSync(join(folder, 'retrace.node'), bytes)
    const { code, message } = codeOf(() => loadAddon(folder))
    assert.is(code, 'NATIVE_INCOMPATIBLE')
    assert.match(message, /it needs glibc 9\.99, and this system has an older one\. .*retrace build-native\.$/)
    rmSync(folder, { recursive: true })
  })

  test('wrong arguments throw or reject, whatever they are, and the process lives on', async () => {
    // In a process of its own: a crash is then a failure of this test and not of the whole file.
    const program = `
      const addon = require(${JSON.stringify(addonPath)})
      const modelDir = ${JSON.stringify(tinyLlama)}
      let seed = 12345
      const random = (n) => Math.floor((seed = (seed * 48271) % 2147483647) / 8) % n
      const main = async () => {
        const scorer = await addon.load({ modelDir, device: 'cpu', cacheBytes: 1 << 20 })
        const gone = await addon.load({ modelDir, device: 'cpu', cacheBytes: 1 << 20 })
        const prefix = await addon.open(scorer, Uint32Array.of(1, 2, 3)).promise
        const closed = await addon.open(gone, Uint32Array.of(1, 2, 3)).promise
        await addon.dispose(gone)
        const detached = new Uint32Array(8)
        structuredClone(detached, { transfer: [detached.buffer] })
        const values = [
          undefined, null, true, 0, -1, 1.5, NaN, Infinity, 2 ** 53, 1n, '', 'x\\0y', Symbol('s'), {}, [], [1, 2], () => 1,
          new Proxy({}, { get: () => { throw new Error('trap') } }), Object.create(scorer), Object.create(prefix),
          new Uint32Array(0), Uint32Array.of(1), Uint32Array.of(0, 1), Uint32Array.of(2, 1), Uint32Array.of(4294967295),
          new Uint32Array(new SharedArrayBuffer(16)), detached, new Uint8Array(4), new Float64Array(3), new DataView(new ArrayBuffer(8)),
          new Int32Array(2), new BigUint64Array(1), new ArrayBuffer(8), Promise.resolve(1), new Date(NaN),
          { modelDir }, { modelDir, threads: 1e9 }, { modelDir, threads: 'two' }, { modelDir: 5 }, { modelDir, device: 'x' },
          { modelDir, device: 'cpu', cacheBytes: NaN }, { modelDir: 'a\\0b' }, { modelDir, device: 'cpu', pageTokens: 3 },
          { get modelDir() { throw new Error('getter') } }, scorer, prefix, gone, closed,
        ]
        const names = Object.keys(addon).filter((name) => typeof addon[name] === 'function' && name !== 'dispose')
        let [threw, rejected, answered] = [0, 0, 0]
        const pending = []
        const watch = (promise) => pending.push(promise.then(() => answered++, () => rejected++))
        for (let i = 0; i < 6000; i++) {
          const name = names[random(names.length)]
          const args = Array.from({ length: random(8) }, () => values[random(values.length)])
          // Half of the calls get as far as their second argument.
          if (random(2) === 0 && args.length > 0 && name !== 'load') args[0] = name === 'close' ? closed : scorer
          if (random(2) === 0 && args.length > 1 && (name === 'score' || name === 'commit')) args[1] = prefix
          if (name === 'close' && args[0] === prefix) continue
          try {
            const answer = addon[name].apply(values[random(values.length)], args)
            if (answer instanceof Promise) watch(answer)
            else if (answer?.promise instanceof Promise) watch(answer.promise)
          } catch {
            threw++
          }
          if (i % 50 === 0) await Promise.all(pending.splice(0))
        }
        await Promise.all(pending)
        try { addon.dispose() } catch { threw++ }
        const logProbs = await addon.score(scorer, prefix, Uint32Array.of(7), Uint32Array.of(1), Uint32Array.of(1), Uint32Array.of(0, 1)).promise
        await addon.audit(scorer).promise
        console.log(JSON.stringify({ functions: names.length, threw, rejected, answered, alive: logProbs.length }))
      }
      main()`
    const { stdout } = await promisify(execFile)(process.execPath, ['-e', program], { timeout: 60_000 })
    const { functions, threw, rejected, answered, alive } = JSON.parse(stdout) as Record<string, number>
    assert.equal([functions, alive], [11, 1])
    assert.ok(threw! > 1000 && rejected! > 20 && answered! > 50, stdout)
  })
}).run()
