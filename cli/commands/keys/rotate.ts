import { BaseCommand, jsonFlag } from '../../kit/base-command.ts';
import { description } from '../../kit/description.ts';
import { EXIT } from '../../kit/exit-codes.ts';
import { loadServerConfig, serverFlags } from '../../kit/server-config.ts';

export default class KeysRotate extends BaseCommand {
  static override summary = 'Add a new version of the static key of the tunnel.';
  static override description = description(
    `Writes a random key to crypto.noise_key_file and notes its public part in the log. The server must be stopped. From its next
    start on it shows the new version to clients that ask for its key; those that have pinned an older one go on with that: the
    newest eight stay in use.`,
    'CONFIGURATION',
    'DAMAGE',
  );
  static override examples = ['<%= config.bin %> <%= command.id %> --config commucat.toml'];
  static override flags = { ...serverFlags, json: jsonFlag };

  override async run(): Promise<void> {
    const { flags } = await this.parse(KeysRotate);
    const config = await loadServerConfig(flags);
    const { rotateKeys } = await import('../../keys/keys.ts');
    const noise = await rotateKeys(config);
    const [newest] = noise;
    if (flags.json) this.print({ noise });
    else if (newest !== undefined) {
      this.log('%s', `version ${newest.version} is in use from the next start on: ${newest.public}`);
    }
    await this.end(EXIT.OK);
  }
}
