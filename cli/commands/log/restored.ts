import { Flags } from '@oclif/core';
import { BaseCommand, jsonFlag } from '../../kit/base-command.ts';
import { dataFlags, dataFolder } from '../../kit/data-folder.ts';
import { description } from '../../kit/description.ts';

export default class LogRestored extends BaseCommand {
  static override summary = 'Say that the log comes from a backup: a new history begins.';
  static override description = description(
    `Needed after a snapshot of a whole volume was put back, which looks like files that nobody touched; copied and restored
    files are recognised without it. Clients are told at their next connection, and no inbox number that the lost history
    may have given out is given again. The server must be stopped. Saying it once too often does no harm.

    A log that has lost something (a file is missing, or ends early) does not start. With --accept-loss it goes on without
    what is named: accounts, channels or mail that stood there are gone.`,
    'CONFIGURATION',
    'DAMAGE',
  );
  static override examples = [
    '<%= config.bin %> <%= command.id %> --config commucat.toml',
    '<%= config.bin %> <%= command.id %> --data .commucat --accept-loss',
  ];
  static override flags = {
    ...dataFlags,
    'accept-loss': Flags.boolean({ description: 'Go on without what the log has lost.' }),
    json: jsonFlag,
  };

  override async run(): Promise<void> {
    const { flags } = await this.parse(LogRestored);
    const { beginHistory } = await import('../../log/log-history.ts');
    const begun = await beginHistory(await dataFolder(flags), flags['accept-loss'] === true);
    if (flags.json) {
      this.print({ epoch: begun.epoch, losses: begun.losses });
      return;
    }
    for (const loss of begun.losses) this.log('%s', `gone without: ${loss}`);
    this.log('%s', `history ${begun.epoch} begins`);
  }
}
