import { Flags } from '@oclif/core';
import { BaseCommand, jsonFlag } from '../kit/base-command.ts';
import { description } from '../kit/description.ts';
import { EXIT } from '../kit/exit-codes.ts';

export default class Dev extends BaseCommand {
  static override summary = 'Run a server for development, with everything it needs.';
  static override description = description(
    `Creates a certificate authority, a TLS certificate, keys and a configuration in ./.commucat or --data, and starts
a server there. An embedded Postgres holds the read models. Unknown devices get an account at their first
connection. The page /demo is a chat between two tabs of a browser. Log lines go to stderr. SIGTERM and SIGINT close
the server in order, a second one ends it at once.`,
    'CONFIGURATION',
    'DAMAGE',
  );
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --port 0 --json',
    '<%= config.bin %> <%= command.id %> --set storage.postgres_dsn=none --set telemetry.log_level=info',
  ];
  static override flags = {
    data: Flags.string({ description: 'Folder for everything.', default: '.commucat' }),
    port: Flags.integer({
      description: 'TCP port; 0 picks a free one. Default: 8443, or what the configuration says.',
      min: 0,
      max: 65_535,
    }),
    host: Flags.string({
      description: 'Address to listen on. Default: 127.0.0.1, or what the configuration says.',
    }),
    set: Flags.string({
      description: 'Override one key of the configuration: section.key=value.',
      multiple: true,
      multipleNonGreedy: true,
    }),
    json: jsonFlag,
  };

  override async run(): Promise<void> {
    const { flags } = await this.parse(Dev);
    const { prepareDevServer, readyOf, writeDevReady } = await import('../server/dev-server.ts');
    const { demoPages } = await import('../server/demo-pages.ts');
    const { withoutTraces } = await import('../server/fresh-files.ts');
    const { runServer } = await import('../server/run-server.ts');
    const { createLogger, LogOutput } = await import('../../src/telemetry/index.ts');
    await withoutTraces(flags.data, [], async (isReady) => {
      const setup = await prepareDevServer(flags);
      const output = new LogOutput(2);
      const logger = createLogger({ level: setup.config.telemetry.logLevel, destination: output });
      await runServer({
        config: setup.config,
        logger,
        output,
        pages: demoPages(),
        onHangup: 'end',
        ready: (server) => {
          isReady();
          const ready = readyOf(server, setup);
          writeDevReady(flags.data, ready);
          if (flags.json) this.print(ready);
          else this.#explain(ready);
        },
      });
    });
    this.exit(EXIT.OK);
  }

  protected override outputFailed(error: Error): void {
    this.logToStderr('%s', `commucat dev: where it listens could not be printed: ${error.message}`);
  }

  #explain(ready: import('../server/dev-server.ts').DevReady): void {
    const data = ready.ca_file.replace(/\/tls\/ca\.pem$/, '');
    this.log(`CommuCat listens on ${ready.url}
  domain       ${ready.domain}
  Noise key    ${ready.noise_public}
  trust        ${ready.ca_file}

Look at it:
  curl --cacert ${ready.ca_file} ${ready.url.replace(/\/connect$/, '/api/server-info')}
Chat, between two tabs of a browser (it asks about the certificate, which nobody but this server knows):
  ${ready.url.replace(/\/connect$/, '/demo')}
Chat, in two other terminals:
  commucat chat --data ${data} --as alice bob
  commucat chat --data ${data} --as bob alice
Ctrl-C stops the server.`);
  }
}
