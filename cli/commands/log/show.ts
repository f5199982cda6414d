import { Args, Flags } from '@oclif/core';
import { BaseCommand, jsonFlag } from '../../kit/base-command.ts';
import { dataFlags, dataFolder } from '../../kit/data-folder.ts';
import { description } from '../../kit/description.ts';
import { CommandError, EXIT } from '../../kit/exit-codes.ts';

export default class LogShow extends BaseCommand {
  static override summary = 'Print one event, or all of a stream.';
  static override description = description(
    `The event at a position, or every event of a stream that the files still have. Of messages only the size is shown,
    unless --payload is given.`,
    'CONFIGURATION',
    'DAMAGE',
  );
  static override examples = [
    '<%= config.bin %> <%= command.id %> 42 --data .commucat',
    '<%= config.bin %> <%= command.id %> handle-alice --json',
  ];
  static override args = {
    what: Args.string({ required: true, description: 'A position, or the name of a stream.' }),
  };
  static override flags = {
    ...dataFlags,
    payload: Flags.boolean({ description: 'Show payloads, in base64.' }),
    json: jsonFlag,
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(LogShow);
    const { eventLine, findEvents } = await import('../../log/log-events.ts');
    let found = 0;
    for await (const event of findEvents(await dataFolder(flags), args.what, flags.payload)) {
      found += 1;
      await this.line(flags.json ? JSON.stringify(event) : eventLine(event));
    }
    if (found === 0) throw new CommandError(EXIT.FAILURE, `the log has no event ${args.what}`);
    await this.end(EXIT.OK);
  }
}
