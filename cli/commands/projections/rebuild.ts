import { BaseCommand, jsonFlag } from '../../kit/base-command.ts';
import { description } from '../../kit/description.ts';
import { EXIT } from '../../kit/exit-codes.ts';
import { loadServerConfig, serverFlags } from '../../kit/server-config.ts';

export default class ProjectionsRebuild extends BaseCommand {
  static override summary = 'Build the read models again from the log.';
  static override description = description(
    `Drops the rows of all read models and builds them again from the first event on; the rows are the same as before. The server
    must be stopped. Nothing of the log changes. Where the configuration names no database, the embedded one is started for it
    and stopped afterwards.`,
    'CONFIGURATION',
    'DAMAGE',
    'UNREACHABLE',
  );
  static override examples = [
    '<%= config.bin %> <%= command.id %> --config commucat.toml',
    '<%= config.bin %> <%= command.id %> --data .commucat --json',
  ];
  static override flags = { ...serverFlags, json: jsonFlag };

  override async run(): Promise<void> {
    const { flags } = await this.parse(ProjectionsRebuild);
    const config = await loadServerConfig(flags);
    const { rebuildReadModels } = await import('../../projections/rebuild.ts');
    const { database, projections, position } = await rebuildReadModels(config, (message) =>
      this.logToStderr(message),
    );
    if (flags.json) this.print({ database, projections, position });
    else if (database === 'none') this.log('storage.postgres_dsn is "none": there are no read models');
    else this.log('%s', `built again up to position ${position}: ${projections.join(', ')}`);
    await this.end(EXIT.OK);
  }
}
