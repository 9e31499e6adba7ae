import { Option, type Command } from 'commander'
import { loadRunConfig, withScorerSettings, type RunConfig } from '../config.js'
import { backendNames, describeBackends, deviceNames } from '../pipeline/index.js'

export interface ScorerFlags {
  config?: string
  backend?: 'auto' | (typeof backendNames)[number]
  device?: (typeof deviceNames)[number]
}

/** Adds the options that choose what scores. */
export function addScorerOptions(command: Command): Command {
  return command
    .addOption(
      new Option('--backend <name>', `what scores: auto (the first that can be loaded), ${describeBackends()}`).choices(
        ['auto', ...backendNames],
      ),
    )
    .addOption(
      new Option(
        '--device <name>',
        'what the native backend computes on; auto takes a GPU where one is usable',
      ).choices(deviceNames),
    )
}

/** The config of the file that was named, with the scorer's settings that were. @throws CoreError as `loadRunConfig` */
export function configOf({ config, backend, device }: ScorerFlags): RunConfig {
  const named = { ...(backend === undefined ? {} : { backend }), ...(device === undefined ? {} : { device }) }
  return withScorerSettings(loadRunConfig(config), named)
}
