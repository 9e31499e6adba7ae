import { z } from 'zod'
import { backendNames, backends, describeBackends } from './backends/table.js'
import type { Refusal } from './backends/backend.js'
import { backendSettings } from './settings.js'

const settings = {
  backend: z
    .enum(['auto', ...backendNames])
    .default('auto')
    .describe(
      `What scores: ${describeBackends()}. \`auto\` takes the first that can honour the other settings and loads on this machine.`,
    ),
  ...backendSettings,
}

/** Which backend scores, and how. */
export const scorerSettingsSchema = z.strictObject(settings).superRefine(checkSettings)
/** The same with a model: a folder with `config.json`, `tokenizer.json` and the weights as safetensors. */
export const scorerOptionsSchema = z
  .strictObject({ modelDir: z.string().min(1), ...settings })
  .superRefine(checkSettings)

/** As a caller writes them; the rest has defaults. */
export type ScorerSettings = z.input<typeof scorerSettingsSchema>
export type ScorerOptions = z.input<typeof scorerOptionsSchema>
export type CheckedScorerSettings = z.output<typeof scorerSettingsSchema>

function checkSettings(given: z.output<z.ZodObject<typeof settings>>, context: z.RefinementCtx): void {
  for (const { key, message } of refusalsOf(given)) context.addIssue({ code: 'custom', path: [key], message })
}

/** `auto` is refused only where no backend can honour the settings, for the reasons of the first. */
function refusalsOf({ backend, ...rest }: CheckedScorerSettings): Refusal[] {
  const names = backend === 'auto' ? backendNames : [backend]
  const refusals = names.map((name) => backends[name].refuse(rest))
  return refusals.some((own) => own.length === 0) ? [] : (refusals[0] ?? [])
}
