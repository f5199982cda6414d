import { BaseCommand, jsonFlag } from '../../kit/base-command.ts';
import { description } from '../../kit/description.ts';
import { EXIT } from '../../kit/exit-codes.ts';
import { loadServerConfig, serverFlags } from '../../kit/server-config.ts';

export default class ProjectionsStatus extends BaseCommand {
  static override summary = 'Say where each read model is, and whether it belongs to the log.';
  static override description = description(
    `Compares the checkpoint of each read model with the log of the data folder: how many positions it lags behind, whether it
    stands still, and whether its rows were made from this log. Works also while the server runs. Where the configuration names
    no database and no server runs, the embedded one is started for it and stopped afterwards.`,
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
    const { flags } = await this.parse(ProjectionsStatus);
    const config = await loadServerConfig(flags);
    const { readModelStatus } = await import('../../projections/status.ts');
    const states = (await readModelStatus(config)) ?? [];
    if (flags.json) this.print({ projections: states });
    else if (states.length === 0) this.log('storage.postgres_dsn is "none": there are no read models');
    else {
      const width = Math.max(...states.map(({ projection }) => projection.length));
      for (const { projection, position, lag, misfit, error } of states) {
        const trouble = misfit ?? error;
        const state = trouble === undefined ? `${lag} behind` : `${lag} behind: ${trouble}`;
        this.log('%s', `${projection.padEnd(width)}  position ${position}, ${state}`);
      }
    }
    const isWrong = states.some(({ misfit, error }) => misfit !== undefined || error !== undefined);
    await this.end(isWrong ? EXIT.DAMAGE : EXIT.OK);
  }
}
