import { Option, type Command } from 'commander'
import { loadRunConfig, withScorerSettings, type RunConfig } from '../config.js'

export interface ScorerFlags {
  config?: string
  backend?: 'onnx' | 'native'
  device?: 'auto' | 'cpu' | 'cuda'
}

/** Adds the options that choose what scores. */
export function withScorerOptions(command: Command): Command {
  return command
    .addOption(
      new Option(
        '--backend <name>',
        'what scores: onnx (ONNX Runtime), native (our engine; npm run build:native)',
      ).choices(['onnx', 'native']),
    )
    .addOption(
      new Option(
        '--device <name>',
        'what the native backend computes on; auto takes a GPU where one is usable',
      ).choices(['auto', 'cpu', 'cuda']),
    )
}

/** The config of the file that was named, with the scorer's settings that were. @throws CoreError as `loadRunConfig` */
export function configOf({ config, backend, device }: ScorerFlags): RunConfig {
  const named = { ...(backend === undefined ? {} : { backend }), ...(device === undefined ? {} : { device }) }
  return withScorerSettings(loadRunConfig(config), named)
}
