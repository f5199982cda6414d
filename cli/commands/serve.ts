import { Flags } from '@oclif/core';
import { BaseCommand } from '../kit/base-command.ts';
import { description } from '../kit/description.ts';
import { EXIT } from '../kit/exit-codes.ts';

export default class Serve extends BaseCommand {
  static override summary = 'Run the server.';
  static override description = description(
    `Reads the configuration from --config, else from the file that COMMUCAT_CONFIG names, else from commucat.toml in
the working directory; checks all of it before anything starts. Writes its log as JSON lines to stdout. SIGTERM and
SIGINT turn /readyz to 503 for server.drain_delay_ms, stop accepting, let sessions take what is queued for at most
server.shutdown_timeout_ms and close the log; a second signal ends the process at once. SIGHUP reads the TLS
certificate again; so does a change of its files. Log lines that stdout does not take are lost and counted; the server
goes on.`,
    'CONFIGURATION',
    'DAMAGE',
  );
  static override examples = [
    '<%= config.bin %> <%= command.id %> --config /etc/commucat/commucat.toml',
    '<%= config.bin %> <%= command.id %> --config commucat.toml --set telemetry.log_level=debug',
  ];
  static override flags = {
    config: Flags.string({
      char: 'c',
      description: 'The configuration, TOML; docs/configuration.md has all keys.',
    }),
    set: Flags.string({
      description: 'Override one key of the configuration: section.key=value.',
      multiple: true,
      multipleNonGreedy: true,
    }),
  };

  override async run(): Promise<void> {
    const { flags } = await this.parse(Serve);
    const { loadConfig } = await import('../../src/config/index.ts');
    const file = flags.config;
    const config = loadConfig({
      env: process.env,
      overrides: flags.set ?? [],
      ...(file === undefined ? {} : { file }),
    });
    const { withoutTraces } = await import('../server/fresh-files.ts');
    const { runServer } = await import('../server/run-server.ts');
    const { createLogger, LogOutput } = await import('../../src/telemetry/index.ts');
    const output = new LogOutput(1);
    const logger = createLogger({ level: config.telemetry.logLevel, destination: output });
    const { noiseKeyFile, federationSeedFile } = config.crypto;
    await withoutTraces(config.storage.dataDir, [noiseKeyFile, federationSeedFile], (isReady) =>
      runServer({
        config,
        logger,
        output,
        onHangup: 'reload',
        ready: ({ host, port, plain, noisePublic }) => {
          isReady();
          const { domain } = config.server;
          logger.info({ host, port, plain, domain, noisePublic, config: config.file }, 'listening');
        },
      }),
    );
    this.exit(EXIT.OK);
  }

  protected override outputFailed(): void {
    // The log's own output counts what it loses.
  }
}
