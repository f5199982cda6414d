import { Flags } from '@oclif/core';
import { loadServerConfig } from './server-config.ts';

/** Which data folder a command reads. */
export const dataFlags = {
  data: Flags.string({ description: "The server's data folder; the log is below it. Default: .commucat." }),
  config: Flags.string({
    char: 'c',
    description: 'Take the data folder from this configuration.',
    exclusive: ['data'],
  }),
};

export async function dataFolder(flags: {
  readonly data?: string | undefined;
  readonly config?: string | undefined;
}): Promise<string> {
  if (flags.config === undefined) return flags.data ?? '.commucat';
  return (await loadServerConfig({ config: flags.config })).storage.dataDir;
}
