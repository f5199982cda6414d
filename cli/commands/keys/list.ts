import { BaseCommand, jsonFlag } from '../../kit/base-command.ts';
import { description } from '../../kit/description.ts';
import { EXIT } from '../../kit/exit-codes.ts';
import { loadServerConfig, serverFlags } from '../../kit/server-config.ts';

export default class KeysList extends BaseCommand {
  static override summary = "Show the public parts of a server's long-lived keys.";
  static override description = description(
    `The static keys of the tunnel, newest first, of which every client has pinned one, and the key that signs the certificates
    of devices. Secrets are not shown. Works also while the server runs, and changes nothing.`,
    'CONFIGURATION',
  );
  static override examples = [
    '<%= config.bin %> <%= command.id %> --config commucat.toml',
    '<%= config.bin %> <%= command.id %> --data .commucat --json',
  ];
  static override flags = { ...serverFlags, json: jsonFlag };

  override async run(): Promise<void> {
    const { flags } = await this.parse(KeysList);
    const config = await loadServerConfig(flags);
    const { listKeys } = await import('../../keys/keys.ts');
    const { authority, noise } = listKeys(config);
    if (flags.json) this.print({ noise, authority });
    else {
      if (noise.length === 0) this.log('tunnel            none yet: the first start makes one');
      for (const key of noise) {
        this.log('%s', `tunnel, version ${key.version}  ${key.public}  of ${key.created}`);
      }
      this.log('%s', `device authority   ${authority ?? 'none yet: the first start makes one'}`);
    }
    await this.end(EXIT.OK);
  }
}
