// A program for `endpoint-kill.test.ts`: asks a server for COUNT completions, and then writes them to a file.
//   node ask-many.js BASE_URL CACHE_FOLDER COUNT OUT
import { writeFileSync } from 'node:fs'
import { ask, newClient, purpose } from './endpoint-support.js'

const [baseUrl, cacheDir, count, out] = process.argv.slice(2) as [string, string, string, string]
const client = newClient(baseUrl, cacheDir, { concurrency: 6 })
const numbers = Array.from({ length: Number(count) }, (_, i) => i)
const completions = await Promise.all(numbers.map((number) => client.complete(ask(number), purpose)))
await client.dispose()
writeFileSync(out, JSON.stringify(completions, null, 1))
