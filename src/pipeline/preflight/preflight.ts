import type { RunConfig } from '../../config.js'
import { RetraceError } from '../../core/index.js'
import { createRenderer } from '../../packing/index.js'
import { backendNames, probeBackend, readModelInfo } from '../../scoring/index.js'
import { loadTokenizer, TokenizerError, type Tokenizer } from '../../tokenizer/index.js'
import { requireAll, tryAll, type Check, type CheckResult } from './check.js'
import { checkApiKey, checkPrompts, hasKeptAnswers, probeEndpoint } from './generation-checks.js'
import { checkDisk, checkNode, findGit, findPython, needsGit } from './machine-checks.js'
import { checkRenderer } from './renderer-checks.js'

/** The run that is asked for. */
interface RunRequest {
  inputs: readonly string[]
  folder: string
  modelDir: string
  config: RunConfig
  /** The tokenizer of the model, where it is loaded already. */
  tokenizer?: Tokenizer
}

/**
 * Refuses a run that could not come to its end, before its first call is paid and before anything is read.
 *
 * @param note takes a line for a person
 * @throws the error of the first check that fails
 */
export async function requireRun(request: RunRequest, note: (line: string) => void): Promise<void> {
  await requireAll([...offlineChecks(request), endpointOrCache(request, note)])
}

/** Does every check, the optional ones included, for `retrace doctor`. */
export async function examine(request: RunRequest, python: string | undefined): Promise<CheckResult[]> {
  const optional: Check = { name: 'Python for training', isNeeded: false, find: () => findPython(python) }
  return tryAll([...offlineChecks(request), endpointCheck(request), optional])
}

/** The checks that ask no other machine, the cheapest first. */
function offlineChecks({ inputs, folder, modelDir, config, tokenizer: loaded }: RunRequest): Check[] {
  const { generation, packing, grounding } = config
  let tokenizer: Promise<Tokenizer> | undefined = loaded && Promise.resolve(loaded)
  const load = (): Promise<Tokenizer> => (tokenizer ??= loadTokenizer(modelDir))
  return [
    { name: 'Node.js', isNeeded: true, find: () => checkNode() },
    { name: 'model', isNeeded: true, find: () => describeModel(modelDir) },
    { name: 'tokenizer', isNeeded: true, find: async () => checkTokenizer(await load(), modelDir) },
    {
      name: `renderer ${packing.renderer}`,
      isNeeded: true,
      find: async () => checkRenderer(createRenderer(packing.renderer, packing.masks), await load(), modelDir),
    },
    ...backendChecks(modelDir, config),
    ...generatorChecks(generation),
    { name: 'git', isNeeded: inputs.some(needsGit), find: findGit },
    { name: 'disk', isNeeded: true, find: () => checkDisk(folder, inputs, grounding) },
  ]
}

/** A check for each backend; the one that the config names is needed if thoughts are searched. */
function backendChecks(modelDir: string, { scorer, search }: RunConfig): Check[] {
  return backendNames.map((name) => {
    const isChosen = name === scorer.backend
    const { gpu } = scorer
    const device = isChosen ? scorer.device : 'auto'
    return {
      name: `backend ${name}`,
      isNeeded: isChosen && search !== false,
      find: () => probeBackend(name, { modelDir, device, gpu }),
    }
  })
}

const withoutEndpoint = 'not needed: no language model is asked'

function generatorChecks(generation: RunConfig['generation']): Check[] {
  const isNeeded = generation.kind === 'endpoint'
  const check = (name: string, look: (options: RunConfig['generation']) => void, found: string): Check => ({
    name,
    isNeeded,
    find: () => {
      look(generation)
      return isNeeded ? found : withoutEndpoint
    },
  })
  return [
    check('prompts', checkPrompts, 'every prompt can be read'),
    check('API key', checkApiKey, 'given, or not needed by a server on this machine'),
  ]
}

async function describeModel(modelDir: string): Promise<string> {
  const { name, contextLength, vocabularySize } = await readModelInfo(modelDir)
  return `${name}: context of ${contextLength} tokens, vocabulary of ${vocabularySize}`
}

async function checkTokenizer(tokenizer: Tokenizer, modelDir: string): Promise<string> {
  const { vocabularySize } = await readModelInfo(modelDir)
  const found = `${tokenizer.vocabularySize} tokens, ${tokenizer.specials.length} of them special`
  if (tokenizer.vocabularySize <= vocabularySize) return found
  const message = `The tokenizer of ${modelDir} has ids up to ${tokenizer.vocabularySize - 1}, and its config.json says that the model knows ${vocabularySize}. They are not of one model: fetch it again.`
  throw new TokenizerError('TOKENIZER_INVALID', message, { tokenizer: tokenizer.vocabularySize, model: vocabularySize })
}

function endpointCheck({ config: { generation } }: RunRequest): Check {
  if (generation.kind !== 'endpoint') return { name: 'endpoint', isNeeded: false, find: () => withoutEndpoint }
  const { baseUrl, model } = generation
  const find = async (): Promise<string> => {
    const { status, models } = (await probeEndpoint(generation)) ?? { status: 0, models: null }
    if (models === null) return `${baseUrl} answers (${status}), without a list of models`
    const isListed = models.includes(model)
    return `${baseUrl} serves ${models.length} models, "${model}" ${isListed ? 'among them' : `not among them: ${models.slice(0, 5).join(', ')}`}`
  }
  return { name: 'endpoint', isNeeded: true, find }
}

/** Refuses a server that does not answer, unless the cache may have all answers. */
function endpointOrCache(request: RunRequest, note: (line: string) => void): Check {
  const check = endpointCheck(request)
  const find = async (): Promise<string> => {
    try {
      return await check.find()
    } catch (error) {
      const isAway = error instanceof RetraceError && error.code === 'ENDPOINT_UNREACHABLE'
      if (!isAway || !hasKeptAnswers(request.config.generation)) throw error
      note(`${error.message} The run goes on as long as answers are in the cache.`)
      return 'answers from the cache'
    }
  }
  return { ...check, find }
}
