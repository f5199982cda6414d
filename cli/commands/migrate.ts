import { BaseCommand, jsonFlag } from '../kit/base-command.ts';
import { description } from '../kit/description.ts';
import { EXIT } from '../kit/exit-codes.ts';
import { loadServerConfig, serverFlags } from '../kit/server-config.ts';

export default class Migrate extends BaseCommand {
  static override summary = 'Bring the schema of the read models up to date.';
  static override description = description(
    `Applies the pending migrations to storage.postgres_dsn in one transaction; a second run changes nothing. Where the
    configuration names no database, the embedded one is started for it and stopped afterwards. The server does the same
    when it starts.`,
    'CONFIGURATION',
    'UNREACHABLE',
  );
  static override examples = [
    '<%= config.bin %> <%= command.id %> --config commucat.toml',
    '<%= config.bin %> <%= command.id %> --data .commucat --json',
  ];
  static override flags = { ...serverFlags, json: jsonFlag };

  override async run(): Promise<void> {
    const { flags } = await this.parse(Migrate);
    const config = await loadServerConfig(flags);
    const { migrateReadModels } = await import('../projections/migrate.ts');
    const outcome = await migrateReadModels(config, (message) => this.logToStderr(message));
    if (flags.json) this.print(outcome);
    else if (outcome.database === 'none') {
      this.log('storage.postgres_dsn is "none": there are no read models');
    } else if (outcome.applied.length === 0) this.log('the schema is up to date');
    else for (const name of outcome.applied) this.log('%s', `applied ${name}`);
    await this.end(EXIT.OK);
  }
}
