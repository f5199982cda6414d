import { Flags } from '@oclif/core';
import { BaseCommand, jsonFlag } from '../../kit/base-command.ts';
import { dataFlags, dataFolder } from '../../kit/data-folder.ts';
import { description } from '../../kit/description.ts';
import { EXIT } from '../../kit/exit-codes.ts';

export default class LogTail extends BaseCommand {
  static override summary = 'Print the newest events of the log.';
  static override description = description(
    `One event a line: position, time, stream@revision, type, data. With --follow it goes on with what is appended, until
    SIGINT. Of messages only the size is shown: they are somebody's mail.`,
    'CONFIGURATION',
    'DAMAGE',
  );
  static override examples = [
    '<%= config.bin %> <%= command.id %> -n 20 --data .commucat',
    '<%= config.bin %> <%= command.id %> --follow --json',
  ];
  static override flags = {
    ...dataFlags,
    count: Flags.integer({ char: 'n', description: 'How many events.', default: 10, min: 0, max: 1_000_000 }),
    follow: Flags.boolean({ char: 'f', description: 'Go on with new events.' }),
    payload: Flags.boolean({ description: 'Show payloads, in base64.' }),
    json: jsonFlag,
  };

  override async run(): Promise<void> {
    const { flags } = await this.parse(LogTail);
    const { eventLine, tailEvents } = await import('../../log/log-events.ts');
    const { shutdownOnSignal } = await import('../../kit/signals.ts');
    const { follow, payload, count, json } = flags;
    const { signal } = shutdownOnSignal();
    for await (const event of tailEvents(await dataFolder(flags), count, payload, { follow, signal })) {
      await this.line(json ? JSON.stringify(event) : eventLine(event));
    }
    await this.end(EXIT.OK);
  }
}
