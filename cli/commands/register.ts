import { Args, Flags } from '@oclif/core';
import { BaseCommand, jsonFlag } from '../kit/base-command.ts';
import { description } from '../kit/description.ts';
import { EXIT } from '../kit/exit-codes.ts';
import { loadServerConfig, serverFlags } from '../kit/server-config.ts';
import type { RegisteredUser } from '../server/register-user.ts';

export default class Register extends BaseCommand {
  static override aliases = ['register-user'];
  static override summary = 'Register a user, and a device of it where one is named.';
  static override description = description(
    `A running server is asked over the socket in its data folder, which only the same system user may open; without one
    the event is written to the log directly. Handle, device id, key and names obey the rules of a handshake. Prints
    user_id, handle and what else was given, one name=value a line. The command can be repeated when its answer was lost:
    what is registered already, with the same key, is found and left as it is.`,
    'CONFIGURATION',
    'DAMAGE',
  );
  static override examples = [
    '<%= config.bin %> <%= command.id %> alice "Alice A." --config commucat.toml',
    '<%= config.bin %> <%= command.id %> alice --data .commucat --new-device alice.json',
    '<%= config.bin %> <%= command.id %> alice --device-id phone --device-public 3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c --json',
  ];
  static override args = {
    handle: Args.string({ required: true, description: 'Name of the account, unique on this server.' }),
    'display-name': Args.string({ description: 'Name that people see.' }),
    'avatar-url': Args.string({ description: 'Picture of the user.' }),
  };
  static override flags = {
    ...serverFlags,
    'device-id': Flags.string({
      description: 'Id of the first device. With --new-device: instead of a random one.',
    }),
    'device-public': Flags.string({
      description: 'Ed25519 public key of that device, 64 hex digits.',
      dependsOn: ['device-id'],
      exclusive: ['new-device'],
    }),
    'new-device': Flags.string({
      description:
        'Create a device and write it, private key included, to this file (mode 0600). A key that the same command left there is used.',
    }),
    json: jsonFlag,
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Register);
    if (flags['device-id'] !== undefined && !flags['device-public'] && !flags['new-device']) {
      this.error('--device-id needs --device-public or --new-device', { exit: EXIT.USAGE });
    }
    const config = await loadServerConfig(flags);
    const { registerUser } = await import('../server/register-user.ts');
    // An empty name or picture is none; anything else that is empty is for the rules to judge.
    const given = {
      handle: args.handle,
      display_name: args['display-name'] || undefined,
      avatar_url: args['avatar-url'] || undefined,
      device_id: flags['device-id'],
      device_public: flags['device-public'],
    };
    const user = Object.fromEntries(
      Object.entries(given).flatMap(([key, value]) => (value === undefined ? [] : [[key, value]])),
    );
    const registered = await registerUser({ config, user, newDevice: flags['new-device'] });
    const { userId, handle, displayName, avatarUrl, deviceId, before } = registered;
    if (before) this.logToStderr('%s', alreadyRegistered(registered, given));
    const facts = Object.entries({
      user_id: userId,
      handle,
      display_name: displayName,
      avatar_url: avatarUrl,
      device_id: deviceId,
      device_file: flags['new-device'],
    }).filter(([, value]) => value !== undefined && value !== null);
    if (flags.json) this.print(Object.fromEntries(facts));
    else for (const [name, value] of facts) await this.line(`${name}=${value}`);
    await this.end(EXIT.OK);
  }
}

/** The profile is the user's: an operator who names another one is told that it did not change. */
function alreadyRegistered(
  { deviceId, displayName, avatarUrl }: RegisteredUser,
  given: { readonly display_name: string | undefined; readonly avatar_url: string | undefined },
): string {
  const what = deviceId === undefined ? 'already registered' : 'already registered, same keys';
  const { display_name = displayName, avatar_url = avatarUrl } = given;
  const isSame = display_name === displayName && avatar_url === avatarUrl;
  return isSame ? what : `${what}; name and picture stay as they are`;
}
