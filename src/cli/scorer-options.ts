import { Option, type Command } from 'commander'
import { loadRunConfig, runConfigSchema, withScorerSettings, type RunConfig } from '../config.js'

export interface ScorerFlags {
  config?: string
  backend?: RunConfig['scorer']['backend']
  device?: RunConfig['scorer']['device']
}

const { backend, device } = runConfigSchema.shape.scorer.unwrap().shape

/** Adds the options that choose what scores. */
export function addScorerOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--backend <name>',
        'what scores: onnx (ONNX Runtime), native (our engine; npm run build:native)',
      ).choices(backend.unwrap().options),
    )
    .addOption(
      new Option(
        '--device <name>',
        'what the native backend computes on; auto takes a GPU where one is usable',
      ).choices(device.unwrap().options),
    )
}

/** The config of the file that was named, with the scorer's settings that were. @throws CoreError as `loadRunConfig` */
export function configOf({ config, backend, device }: ScorerFlags): RunConfig {
  const named = { ...(backend === undefined ? {} : { backend }), ...(device === undefined ? {} : { device }) }
  return withScorerSettings(loadRunConfig(config), named)
}
