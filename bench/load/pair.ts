import type { Frame } from '../../src/protocol/frame.ts';
import { FRAME } from '../../src/protocol/frame-types.ts';
import { encodeJson, parseJson } from '../../src/protocol/json.ts';
import type { RelayServer } from '../servers.ts';
import { LoadSession } from './session.ts';

export interface PairOptions {
  readonly messageBytes: number;
  readonly capabilities: readonly string[];
}

/** Sequences 1 and 2 were HELLO and AUTH, 3 was JOIN. PROTOCOL.md 5. */
const FIRST_SEQUENCE = 4;
let channels = 0;

/** A device that sends to another one over a channel of the two, both connected. */
export class Pair {
  readonly sender: LoadSession;
  readonly receiver: LoadSession;
  readonly #channel: number;
  readonly #payload: Uint8Array;
  readonly #confirms: boolean;
  #sequence = FIRST_SEQUENCE;
  #confirmSequence = FIRST_SEQUENCE;
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
    this.#confirms = options.capabilities.includes('delivery-ack');
    this.#listen();
  }

  static async open(server: RelayServer, options: PairOptions): Promise<Pair> {
    const { capabilities } = options;
    const sender = await LoadSession.open(server, { capabilities });
    const receiver = await LoadSession.open(server, { capabilities });
    channels += 1;
    const channel = channels;
    const members = [sender.device.deviceId, receiver.device.deviceId];
    for (const session of [sender, receiver]) await join(session, channel, members);
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
    this.sender.send(FRAME.MSG, this.#channel, this.#sequence, this.#payload, count);
    this.#sequence += count;
    this.#sent += count;
  }

  async close(): Promise<void> {
    await Promise.all([this.sender.close(), this.receiver.close()]);
  }

  #listen(): void {
    const { sender, receiver } = this;
    let fresh = 0;
    sender.onFrame = (frame) => {
      if (frame.type !== FRAME.ACK) throw unexpected('sender', frame);
      fresh += 1;
    };
    sender.onChunk = () => {
      const count = fresh;
      fresh = 0;
      this.#acknowledged += count;
      if (count > 0) this.onAcknowledged(count);
    };
    receiver.onFrame = (frame) => {
      if (frame.type !== FRAME.MSG) throw unexpected('receiver', frame);
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
    this.receiver.send(FRAME.ACK, 0, this.#confirmSequence, encodeJson({ ack: number }));
    this.#confirmSequence += 1;
  }
}

async function join(session: LoadSession, channel: number, members: readonly string[]): Promise<void> {
  await new Promise<void>((resolve, reject) => {
    session.onFrame = (frame) => {
      if (frame.type === FRAME.ACK) resolve();
      else reject(unexpected('JOIN', frame));
    };
    session.send(FRAME.JOIN, channel, FIRST_SEQUENCE - 1, encodeJson({ members, relay: true }));
  });
}

function unexpected(who: string, frame: Frame): Error {
  const detail = frame.type === FRAME.ERROR ? `: ${JSON.stringify(parseJson(frame.payload))}` : '';
  return new Error(`${who}: unexpected frame of type ${frame.type}${detail}`);
}
