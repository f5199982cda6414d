import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { encodeJson } from '../../src/protocol/json/json.ts';
import type { RelayServer } from '../servers.ts';
import type { Dial } from './byte-stream.ts';
import { LoadSession, unexpectedFrame } from './session.ts';
import type { Writes } from './writes.ts';

export interface PairOptions {
  readonly dial: Dial;
  readonly messageBytes: number;
  readonly writes: Writes;
  readonly capabilities: readonly string[];
}

let channels = 0;

/** A channel number that nothing else in this bench uses. */
export function newChannel(): number {
  channels += 1;
  return channels;
}

/** A device that sends to another one over a channel of the two, both connected. */
export class Pair {
  readonly sender: LoadSession;
  readonly receiver: LoadSession;
  readonly #channel: number;
  readonly #payload: Uint8Array;
  readonly #writes: Writes;
  readonly #confirms: boolean;
  #sent = 0;
  #acknowledged = 0;
  #received = 0;
  #lastNumber: number | undefined;
  #confirmed = 0;
  /** Called when ACKs of a chunk have arrived, with their number; and for each message. */
  onAcknowledged: (count: number) => void = () => undefined;
  onMessage: () => void = () => undefined;

  private constructor(sender: LoadSession, receiver: LoadSession, channel: number, options: PairOptions) {
    this.sender = sender;
    this.receiver = receiver;
    this.#channel = channel;
    this.#payload = Buffer.alloc(options.messageBytes, 0x5a);
    this.#writes = options.writes;
    this.#confirms = options.capabilities.includes('delivery-ack');
    this.#listen();
  }

  static async open(server: RelayServer, options: PairOptions): Promise<Pair> {
    const sender = await LoadSession.open(server, options);
    const receiver = await LoadSession.open(server, options);
    const channel = newChannel();
    const members = [sender.device.deviceId, receiver.device.deviceId];
    for (const session of [sender, receiver]) await joinChannel(session, channel, members);
    return new Pair(sender, receiver, channel, options);
  }

  get received(): number {
    return this.#received;
  }

  /** Messages that are not acknowledged, or not delivered. */
  get outstanding(): number {
    return 2 * this.#sent - this.#acknowledged - this.#received;
  }

  send(count: number): void {
    this.#sent += count;
    if (this.#writes === 'turn') this.sender.send(FRAME.MSG, this.#channel, this.#payload, count);
    else for (let i = 0; i < count; i += 1) this.sender.send(FRAME.MSG, this.#channel, this.#payload);
  }

  async close(): Promise<void> {
    await Promise.all([this.sender.close(), this.receiver.close()]);
  }

  #listen(): void {
    const { sender, receiver } = this;
    let fresh = 0;
    sender.onFrame = (frame) => {
      if (frame.type !== FRAME.ACK) throw unexpectedFrame('sender', frame);
      fresh += 1;
    };
    sender.onChunk = () => {
      const count = fresh;
      fresh = 0;
      this.#acknowledged += count;
      if (count > 0) this.onAcknowledged(count);
    };
    receiver.onFrame = (frame) => {
      if (frame.type !== FRAME.MSG) throw unexpectedFrame('receiver', frame);
      if (this.#lastNumber !== undefined && frame.sequence !== this.#lastNumber + 1) {
        throw new Error(`message ${frame.sequence} after ${this.#lastNumber}`);
      }
      this.#lastNumber = frame.sequence;
      this.#received += 1;
      this.onMessage();
    };
    receiver.onChunk = () => this.#confirm();
  }

  /** With `delivery-ack`: one confirmation for all that a chunk brought. PROTOCOL.md 11. */
  #confirm(): void {
    const number = this.#lastNumber;
    if (!this.#confirms || number === undefined || number === this.#confirmed) return;
    this.#confirmed = number;
    this.receiver.send(FRAME.ACK, 0, encodeJson({ ack: number }));
  }
}

/** Joins a channel, or names more members of it. */
export async function joinChannel(
  session: LoadSession,
  channel: number,
  members: readonly string[],
): Promise<void> {
  await session.request(FRAME.JOIN, channel, encodeJson({ members, relay: true }));
}
