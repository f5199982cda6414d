import { BaseCommand, jsonFlag } from '../../kit/base-command.ts';
import { dataFlags, dataFolder } from '../../kit/data-folder.ts';
import { description } from '../../kit/description.ts';
import { EXIT } from '../../kit/exit-codes.ts';

export default class LogStats extends BaseCommand {
  static override summary = 'Count what is in the log.';
  static override description = description(
    `Events, batches, bytes and times for each of the three families of files, and events by category of stream. Faster
    than verify: hashes are not computed.`,
    'CONFIGURATION',
    'DAMAGE',
  );
  static override examples = [
    '<%= config.bin %> <%= command.id %> --data .commucat',
    '<%= config.bin %> <%= command.id %> --json',
  ];
  static override flags = { ...dataFlags, json: jsonFlag };

  override async run(): Promise<void> {
    const { flags } = await this.parse(LogStats);
    const { checkLog, historyLine } = await import('../../log/log-check.ts');
    const { clean, report } = await checkLog(await dataFolder(flags), false);
    if (flags.json) this.print(report);
    else {
      const history = historyLine(report);
      if (history !== undefined) this.log('%s', history);
      for (const family of report.families) {
        const { segments, batches, events, bytes, oldest, newest } = family;
        this.log(
          '%s',
          `${family.family}: ${events} events in ${batches} batches, ${bytes} bytes in ${segments} files`,
        );
        if (oldest !== undefined && newest !== undefined) {
          this.log('%s', `  from ${new Date(oldest).toISOString()} to ${new Date(newest).toISOString()}`);
        }
        for (const [category, count] of Object.entries(family.categories)) {
          this.log('%s', `  ${category.padEnd(10)} ${count}`);
        }
      }
      for (const { family, message } of report.damage) this.log('%s', `DAMAGE ${family}: ${message}`);
    }
    await this.end(clean ? EXIT.OK : EXIT.DAMAGE);
  }
}
