import { BaseCommand, jsonFlag } from '../../kit/base-command.ts';
import { dataFlags, dataFolder } from '../../kit/data-folder.ts';
import { description } from '../../kit/description.ts';
import { EXIT } from '../../kit/exit-codes.ts';

export default class LogVerify extends BaseCommand {
  static override summary = 'Check every byte of the log.';
  static override description = description(
    `Reads the whole log: headers, checksums, hashes, and the chain of hashes through all files. Changes nothing. While a
    server writes, the batch that is on its way is no damage. Damage is reported with file and offset.`,
    'CONFIGURATION',
    'DAMAGE',
  );
  static override examples = [
    '<%= config.bin %> <%= command.id %> --data .commucat',
    '<%= config.bin %> <%= command.id %> --config commucat.toml --json',
  ];
  static override flags = { ...dataFlags, json: jsonFlag };

  override async run(): Promise<void> {
    const { flags } = await this.parse(LogVerify);
    const { checkLog, historyLine } = await import('../../log/log-check.ts');
    const { clean, events, batches, report } = await checkLog(await dataFolder(flags));
    if (flags.json) this.print({ clean, events, batches, ...report });
    else {
      const history = historyLine(report);
      if (history !== undefined) this.log('%s', history);
      for (const family of report.families) {
        const { segments, chain } = family;
        const counts = `${family.events} events, ${family.batches} batches, ${segments} files`;
        this.log('%s', `${family.family.padEnd(8)} ${counts}${chain === '' ? '' : `, chain ${chain}`}`);
      }
      for (const { file, offset, bytes } of report.tornTails) {
        this.log(
          '%s',
          `torn     ${file}, offset ${offset}: ${bytes} bytes of an interrupted write, never acknowledged`,
        );
      }
      for (const { family, message } of report.damage) this.log('%s', `DAMAGE   ${family}: ${message}`);
      this.log('%s', clean ? `clean${report.live ? ' (a server is writing)' : ''}` : 'the log is damaged');
    }
    await this.end(clean ? EXIT.OK : EXIT.DAMAGE);
  }
}
