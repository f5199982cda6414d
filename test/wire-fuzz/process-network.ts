import { utf8 } from '../../src/protocol/bytes.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { type ServerAddress, WireClient } from '../kit/wire-client.ts';
import type { Arrived, Connection, Welcome } from './connection.ts';

/** ERRORs on channel 0 that do not end a session. */
const NOTICES = new Set(['expired', 'mailbox_full', 'unknown_inbox_number']);
/** A handle is shorter than a name. */
const HANDLE = 16;

/** A connection to a real server. */
export class ProcessConnection implements Connection {
  readonly welcome: Welcome;
  readonly #wire: WireClient;
  #reason = 'connection_lost';
  #abandoned = false;

  private constructor(wire: WireClient) {
    this.#wire = wire;
    this.welcome = wire.facts;
  }

  /** @throws Error with the server's answer */
  static async open(
    server: ServerAddress,
    device: string,
    capabilities: readonly string[],
  ): Promise<ProcessConnection> {
    const hello = { user: { handle: device.slice(0, HANDLE) } };
    const wire = await WireClient.connect(server, device, { capabilities, hello });
    wire.stream.on('error', () => undefined);
    return new ProcessConnection(wire);
  }

  get frames(): Arrived[] {
    const frames = this.#wire.takeAll();
    for (const { type, json } of frames) {
      if (type === FRAME.ERROR && json?.ack === undefined && !NOTICES.has(json?.error)) {
        this.#reason = json?.error;
      }
    }
    return frames;
  }

  get endedBecause(): string | undefined {
    return this.#wire.ended ? this.#reason : undefined;
  }

  post(type: number, channel: number, body: string, sequence: number): void {
    if (!this.#wire.ended && !this.#abandoned) this.#wire.post(type, channel, utf8(body), sequence);
  }

  /** Reads nothing for now. */
  pause(): void {
    this.#wire.stream.pause();
  }

  listen(): void {
    this.#wire.stream.resume();
  }

  /** The client is gone, and what it has sent still arrives. */
  abandon(): void {
    this.#abandoned = true;
  }

  close(): void {
    this.#abandoned = true;
    this.#wire.close();
  }
}
