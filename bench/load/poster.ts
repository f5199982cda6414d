import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { type LoadSession, unexpectedFrame } from './session.ts';
import { MESSAGE_BYTES } from './writes.ts';

/** Messages that are not acknowledged; as many fit into one record. */
const WINDOW = 200;
const MESSAGE = Buffer.alloc(MESSAGE_BYTES, 0x5a);

/** Posts messages to a channel as fast as they become durable, whoever gets them. */
export class Poster {
  readonly #session: LoadSession;
  readonly #channel: number;

  constructor(session: LoadSession, channel: number) {
    this.#session = session;
    this.#channel = channel;
  }

  /** Resolves when all are acknowledged. */
  async post(count: number): Promise<void> {
    const session = this.#session;
    let sent = 0;
    let acknowledged = 0;
    const fill = (): void => {
      const more = Math.min(count - sent, WINDOW - (sent - acknowledged));
      if (more > 0) session.send(FRAME.MSG, this.#channel, MESSAGE, more);
      sent += more;
    };
    await new Promise<void>((resolve) => {
      session.onFrame = (frame) => {
        if (frame.type !== FRAME.ACK) throw unexpectedFrame('poster', frame);
        acknowledged += 1;
      };
      session.onChunk = () => {
        if (acknowledged === count) resolve();
        else fill();
      };
      fill();
    });
  }
}
