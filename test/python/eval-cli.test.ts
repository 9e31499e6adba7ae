import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { suite } from '../suite.js'
import * as assert from 'uvu/assert'
import { evaluationReportSchema } from '../../src/records/index.js'
import { runCli } from '../cli/run-cli.js'
import { pythonWith } from './python-with.js'

const test = suite('eval with PyTorch')
const root = process.env['RETRACE_ROOT'] ?? process.cwd()
const model = join(root, 'models', 'retrace-small')
const scratch = mkdtempSync(join(tmpdir(), 'retrace-eval-python-'))

const found = ['torch', 'transformers', 'pyarrow', 'rapidfuzz'].map(pythonWith)
const lacking = found.find((one) => 'reason' in one)

const name = 'the shipped model is measured by all offline suites on a real run'

if (lacking !== undefined && 'reason' in lacking) {
  process.stdout.write(`skipped: "${name}": ${lacking.reason}\n`)
  test.skip(name, () => {})
} else {
  const { python } = found[0] as { python: string }

  test(name, async () => {
    const config = join(scratch, 'no-search.json')
    writeFileSync(config, '{"search": false, "packing": {"sequenceLength": 2048}}')
    const data = join(scratch, 'run')
    const repository = join(root, 'src', 'tokenizer')
    const made = await runCli(['run', repository, '--out', data, '--model', model, '--config', config])
    assert.is(made.code, 0, made.stderr)

    const out = join(scratch, 'report.json')
    const args = ['eval', model, '--data', data, '--out', out, '--limit', '1', '--device', 'cpu', '--python', python]
    const { code, stdout, stderr } = await runCli(args)
    assert.is(code, 0, stderr)
    const { models } = evaluationReportSchema.parse(JSON.parse(readFileSync(out, 'utf8')))
    const suites = models[0]?.suites ?? {}
    const resultsOf = (name: string): object => {
      const outcome = suites[name]
      assert.ok(outcome !== undefined && 'results' in outcome, `${name}: ${stderr}`)
      return 'results' in outcome ? outcome.results : {}
    }
    // A model of code gives code about a bit a byte; uniform over 4,096 tokens it would be more than four.
    const { heldOut } = resultsOf('held-out') as {
      heldOut: Record<string, { all: { bitsPerByte: number; bytes: number } }>
    }
    assert.equal(Object.keys(heldOut).sort(), ['code', 'trajectories'])
    for (const { all } of Object.values(heldOut)) {
      assert.ok(all.bitsPerByte > 0.4 && all.bitsPerByte < 2.5, String(all.bitsPerByte))
      assert.ok(all.bytes > 5000, String(all.bytes))
    }
    const { needle } = resultsOf('needle') as { needle: { tasks: number; chance: number; tooLong: number } }
    assert.ok(needle.tasks >= 10 && needle.tooLong === 0 && needle.chance === 0.25, JSON.stringify(needle))
    const { completion } = resultsOf('completion') as { completion: { tasks: number; editSimilarity: number } }
    assert.is(completion.tasks, 1)
    assert.match(stdout, /^code: bits per byte +[0-9.]+$/m)
  })
}

test.run()
