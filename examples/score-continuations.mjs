// Asks a model how likely it finds several continuations of one prefix. The prefix is computed once.
//   node examples/score-continuations.mjs [a model folder]
import { createScorer, loadTokenizer, shippedModel } from 'retrace-cpt'

const [modelDir = shippedModel()] = process.argv.slice(2)
const continuations = ['  return a + b\n}\n', '  return b - a\n}\n', '  while (walrus) quietly\n}\n']

const tokenizer = await loadTokenizer(modelDir)
const scorer = await createScorer({ modelDir })
try {
  const prefix = await scorer.open(tokenizer.encode('/** Adds two numbers. */\nfunction add(a, b) {\n'))
  const branches = continuations.map((text) => {
    const tokens = tokenizer.encode(text)
    return { tokens, scored: [{ start: 0, end: tokens.length }] }
  })
  const scores = await scorer.score(prefix, branches)
  scores.forEach(({ logProbs }, index) => {
    const mean = logProbs.reduce((sum, value) => sum + value, 0) / logProbs.length
    console.log(`${mean.toFixed(3)} nats per token  ${JSON.stringify(continuations[index])}`)
  })
} finally {
  await scorer.dispose()
}
