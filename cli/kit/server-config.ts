import { join } from 'node:path';
import { Flags } from '@oclif/core';
import type { Config } from '../../src/config/index.ts';

/** Which server a command works on. */
export const serverFlags = {
  config: Flags.string({
    char: 'c',
    description: "The server's configuration. Default: as of serve.",
    exclusive: ['data'],
  }),
  data: Flags.string({ description: 'The folder of a development server (commucat dev).' }),
  set: Flags.string({
    description: 'Override one key of the configuration: section.key=value.',
    multiple: true,
    multipleNonGreedy: true,
  }),
};

export interface ServerChoice {
  readonly config?: string | undefined;
  readonly data?: string | undefined;
  readonly set?: readonly string[] | undefined;
}

/** @throws ConfigError with every problem found */
export async function loadServerConfig({ config, data, set = [] }: ServerChoice): Promise<Config> {
  const { loadConfig } = await import('../../src/config/index.ts');
  const file = data === undefined ? config : join(data, 'commucat.toml');
  return loadConfig({ env: process.env, overrides: set, ...(file === undefined ? {} : { file }) });
}
