import { BaseCommand } from '../../kit/base-command.ts';
import { description } from '../../kit/description.ts';
import { serverFlags } from '../../kit/server-config.ts';

export default class LogAcceptKeys extends BaseCommand {
  static override summary = 'Let a server start with keys that its log does not know.';
  static override description = description(
    `The log remembers the public keys of its server. When a key file is missing, or holds other keys, the server does not
    start: every client has pinned the old ones. This command takes the present files, creates missing ones, and notes the
    keys in the log. The server must be stopped. Clients must be given the new keys by other means.`,
    'CONFIGURATION',
  );
  static override examples = ['<%= config.bin %> <%= command.id %> --config commucat.toml'];
  static override flags = { ...serverFlags };

  override async run(): Promise<void> {
    const { flags } = await this.parse(LogAcceptKeys);
    const { acceptKeys } = await import('../../log/log-history.ts');
    const { loadServerConfig } = await import('../../kit/server-config.ts');
    const { noise, authority } = await acceptKeys(await loadServerConfig(flags));
    this.log('%s', `tunnel           ${noise}`);
    this.log('%s', `device authority ${authority}`);
  }
}
