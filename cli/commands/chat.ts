import { Args, Flags } from '@oclif/core';
import { BaseCommand, jsonFlag } from '../kit/base-command.ts';
import { description } from '../kit/description.ts';
import { EXIT } from '../kit/exit-codes.ts';
import { printable } from '../kit/printable.ts';

export default class Chat extends BaseCommand {
  static override summary = 'Chat with another device in the terminal.';
  static override description = description(
    `Lines go to the peer, what the peer writes is printed. Both sides have to start a chat with each other once; from
    then on the server keeps what was written while one of them is away. /presence TEXT publishes a state, /quit leaves.
    The state of the connection goes to stderr. What is written is not encrypted between the devices: the server can read
    it, as the other clients that this one talks to expect.

    The device, its key and how far it has read are in one file of mode 0600, which is created. Without --server-static
    the server's key is asked for over TLS and shown: compare it, and give it the next time.`,
    'CONFIGURATION',
    'UNREACHABLE',
  );
  static override examples = [
    '<%= config.bin %> <%= command.id %> --data .commucat --as alice bob',
    '<%= config.bin %> <%= command.id %> --url https://chat.example.org/connect --device phone.json bob-laptop',
    'echo "See you at 8" | <%= config.bin %> <%= command.id %> --data .commucat --as alice bob',
  ];
  static override args = {
    peer: Args.string({ required: true, description: 'Device id of the other side.' }),
  };
  static override flags = {
    url: Flags.string({ description: "URL of the server's /connect." }),
    ca: Flags.string({ description: "PEM file with the authority of the server's TLS certificate." }),
    domain: Flags.string({ description: "The server's domain. Default: what it says." }),
    'server-static': Flags.string({
      description: "The server's Noise key, 64 hex digits. Default: what it says.",
    }),
    data: Flags.string({ description: 'Folder of a running development server, instead of all these.' }),
    device: Flags.string({
      description: 'File of the device. Default: ~/.config/commucat/device.json, or below --data.',
    }),
    as: Flags.string({ description: 'Device id and handle of a new device. Default: a random one.' }),
    channel: Flags.integer({
      description: 'Number of the channel. Default: one that both sides derive from their device ids.',
      min: 0,
      max: 4_294_967_295,
    }),
    stay: Flags.boolean({ description: 'Go on after the end of the input, until SIGINT.' }),
    json: Flags.boolean({ ...jsonFlag, description: 'Print messages as JSON, one on a line.' }),
  };

  override async run(): Promise<void> {
    const { args, flags } = await this.parse(Chat);
    const { channelOf, deviceFile, serverAddress } = await import('../chat/connection-options.ts');
    const { chat } = await import('../chat/chat.ts');
    const { createClient, FileDeviceStore, openDevice } = await import('../../src/client/index.ts');
    const { shutdownOnSignal } = await import('../kit/signals.ts');
    const note = (text: string): void => this.logToStderr('%s', `* ${printable(text)}`);
    const server = await serverAddress(flags);
    if (server.trustedOnFirstUse) note(`the server's key is ${server.serverStatic} (not verified)`);
    const store = new FileDeviceStore(deviceFile(flags));
    const name = flags.as === undefined ? {} : { deviceId: flags.as, handle: flags.as };
    const { deviceId } = await openDevice(store, name);
    note(`this is ${deviceId}`);
    const { ca, url, domain, serverStatic } = server;
    await chat({
      client: createClient({ url, domain, serverStatic, store, ...(ca === undefined ? {} : { ca }) }),
      self: deviceId,
      peer: args.peer,
      channel: flags.channel ?? channelOf(deviceId, args.peer),
      input: process.stdin,
      stay: flags.stay,
      signal: shutdownOnSignal().signal,
      show: (line) => {
        if (flags.json) this.print(line);
        else this.log('%s', printable(`${line.sender}: ${line.text}`));
      },
      note,
    });
    await this.end(EXIT.OK);
  }
}
