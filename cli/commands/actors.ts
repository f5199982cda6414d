import { Args, Flags } from '@oclif/core';
import { BaseCommand, jsonFlag } from '../kit/base-command.ts';
import { description } from '../kit/description.ts';
import { EXIT } from '../kit/exit-codes.ts';

export default class Actors extends BaseCommand {
  static override summary = "Print the state diagrams of the server's actors.";
  static override description = description(
    `The diagrams are made from the state machines that the server runs. Without --mermaid only their names and states are
    listed.`,
  );
  static override examples = [
    '<%= config.bin %> <%= command.id %>',
    '<%= config.bin %> <%= command.id %> --mermaid',
    '<%= config.bin %> <%= command.id %> session --mermaid > session.mmd',
  ];
  static override args = {
    actor: Args.string({ description: 'Only this one.', options: ['session', 'channel', 'group', 'call'] }),
  };
  static override flags = {
    mermaid: Flags.boolean({ description: 'Print Mermaid stateDiagram-v2 text.' }),
    json: jsonFlag,
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Actors);
    const { actorDiagrams } = await import('../pages/actors-page.ts');
    const diagrams = actorDiagrams().filter(({ name }) => args.actor === undefined || name === args.actor);
    if (flags.json) this.print(diagrams);
    else if (flags.mermaid) {
      // One diagram alone is a file that Mermaid reads; several need names, as comments.
      this.log('%s', diagrams.map(({ name, mermaid }) => `%% ${name}\n${mermaid}`).join('\n\n'));
    } else {
      for (const { name, states, about } of diagrams) {
        this.log('%s', `${name}: ${states.join(', ')}\n  ${about}`);
      }
    }
    await this.end(EXIT.OK);
  }
}
