import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { seededRandom } from '../../src/core/index.js'
import { filesBelow, newFolder, until } from './endpoint-support.js'
import { startFaultyServer, type FaultyServer } from './faulty-server.js'

const test = suite('endpoint kill')

const program = fileURLToPath(new URL('./ask-many.js', import.meta.url))
const kills = 100
const runsAtOnce = 2
const calls = 1500
const random = seededRandom('kills')

interface Drive {
  server: FaultyServer
  cache: string
  out: string
}

/** Runs the program, and kills it if `killed` resolves before it ends. */
async function drive({ server, cache, out }: Drive, killed: Promise<void> | null): Promise<void> {
  const args = [program, server.baseUrl, cache, String(calls), out]
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'ignore', 'inherit'] })
  void killed?.then(() => child.kill('SIGKILL'))
  const [code] = (await once(child, 'exit')) as [number | null]
  if (killed === null) assert.is(code, 0)
}

/** Waits for a random moment: sometimes while the processes start, otherwise a few calls later. */
async function aMoment({ asked }: FaultyServer): Promise<void> {
  if (random.below(5) === 0) return sleep(random.below(300))
  const enough = asked.length + random.below(20)
  for (let i = 0; i < 5000 && asked.length <= enough; i++) await sleep(2)
  return sleep(random.below(15))
}

test('a caller whose run was killed brings home what is on its way, begins nothing, and ends', async () => {
  let open = (): void => {}
  const gate = new Promise<void>((resolve) => (open = resolve))
  const server = await startFaultyServer({
    reply: async () => {
      await gate
      return null
    },
  })
  const cache = newFolder()
  const args = [program, server.baseUrl, cache, '20', join(newFolder(), 'out.json')]
  const child = spawn(process.execPath, args, { detached: true, stdio: 'ignore' })
  await until(() => server.asked.length === 6, 'six calls are under way')
  const locks = [...filesBelow(cache)].filter(([path]) => path.endsWith('.lock'))
  const callers = new Set(locks.map(([, bytes]) => Number(String(bytes).split(' ')[0])))
  assert.is(callers.size, 1)
  assert.not(callers.has(child.pid!))
  // Kills the whole process group, as a terminal does.
  process.kill(-child.pid!, 'SIGKILL')
  await once(child, 'exit')
  open()
  const [caller] = callers
  await until(() => !isAlive(caller!), 'the caller has ended')
  assert.is(server.asked.length, 6)
  const files = [...filesBelow(cache).keys()]
  assert.is(files.length, 6)
  assert.ok(files.every((path) => path.endsWith('.json')))
  await server.stop()
})

test('killed a hundred times, it ends in the same bytes, and the server saw each call once', async () => {
  const newDrive = async (): Promise<Drive> => {
    const server = await startFaultyServer({ delayMs: [5, 30] })
    return { server, cache: newFolder(), out: join(newFolder(), 'out.json') }
  }
  const [calm, killed] = [await newDrive(), await newDrive()]
  const { asked, answered } = killed.server
  let [killsLeft, killsAmidCalls] = [kills, 0]
  const startAndKill = async (): Promise<void> => {
    while (killsLeft-- > 0) {
      // Counted when the signal is sent: the calls under way may end before the process does.
      const moment = aMoment(killed.server).then(() => {
        if (asked.length > answered.size) killsAmidCalls++
      })
      await drive(killed, moment)
    }
  }
  await Promise.all(Array.from({ length: runsAtOnce }, startAndKill))
  const askedBefore = asked.length
  await drive(killed, null)
  await drive(calm, null)

  // The number depends on the load of the machine, but without any such kill the test would have seen nothing.
  assert.ok(killsAmidCalls >= kills / 20, `only ${killsAmidCalls} of ${kills} kills fell into the midst of calls`)
  assert.ok(askedBefore > 0 && askedBefore < calls, `${askedBefore} of ${calls} calls came before the last run`)
  assert.is(asked.length, calls)
  assert.is(answered.size, calls)
  assert.ok([...answered.values()].every((times) => times === 1))
  assert.equal(readFileSync(killed.out, 'utf8'), readFileSync(calm.out, 'utf8'))
  // The records are the same, and no lock and no temporary file is left.
  const [calmFiles, killedFiles] = [filesBelow(calm.cache), filesBelow(killed.cache)]
  assert.equal([...killedFiles.keys()], [...calmFiles.keys()])
  for (const [path, bytes] of killedFiles) assert.ok(bytes.equals(calmFiles.get(path)!), path)
  await Promise.all([calm, killed].map(({ server }) => server.stop()))
})

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch {
    return false
  }
}

test.run()
