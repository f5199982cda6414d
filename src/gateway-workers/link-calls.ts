import { FRAME } from '../protocol/frames/frame-types.ts';
import type { LinkPort } from '../relay-port/relay-port.ts';
import {
  BATCH_HEADER_BYTES,
  type BatchSpace,
  CHANNEL_AT,
  FRAME_HEAD_BYTES,
  LENGTH_AT,
  NUMBER_BYTES,
  readNumber,
  readReason,
  reasonBytes,
  SEQUENCE_AT,
  TYPE_AT,
  usedBytes,
  writeCall,
  writeCallWithReason,
  writeFrameHead,
  writeNumber,
} from './batch-layout.ts';

/** Relay to worker. `sendAgain` names a payload that an earlier `send` of the same batch has brought. */
const OP = { send: 1, sendAgain: 2, flush: 3, hold: 4, release: 5, end: 6 } as const;
const POINTER_BYTES = 4;
const AGAIN_BYTES = FRAME_HEAD_BYTES + POINTER_BYTES;
const FLUSH_BYTES = 1 + 3 * NUMBER_BYTES;
const NOTHING = new Uint8Array(0);

/** What a batch to a worker says. */
export interface LinkCalls extends Pick<LinkPort, 'send' | 'hold' | 'end'> {
  /** `handed`: bytes handed to the link since it began, as the relay's side counts them. */
  flush(session: number, mark: number, handed: number): void;
}

/** Where calls are written, and which batch that is. */
export interface LinkCallSpace extends BatchSpace {
  /** Another number for each batch. */
  readonly batch: number;
  /** Whether the current batch takes `length` more bytes. */
  fits(length: number): boolean;
}

/**
 * Writes calls into a batch. A payload that goes to many sessions in a row is in it once: it is known by its identity,
 * so it must not change between them. Only ACKs are written by the relay itself, into a buffer that it uses again.
 */
export class LinkCallWriter implements LinkCalls {
  readonly #space: LinkCallSpace;
  /** The last payload that may be named again, where it lies, and in which batch. */
  #payload: Uint8Array = NOTHING;
  #payloadAt = 0;
  #payloadBatch = -1;

  constructor(space: LinkCallSpace) {
    this.#space = space;
  }

  send(session: number, type: number, channel: number, sequence: number, payload: Uint8Array): void {
    const { length } = payload;
    const space = this.#space;
    if (payload === this.#payload && space.batch === this.#payloadBatch && space.fits(AGAIN_BYTES)) {
      const at = writeFrameHead(space, OP.sendAgain, session, type, channel, sequence, length, POINTER_BYTES);
      space.view.setUint32(at, this.#payloadAt, true);
      return;
    }
    const at = writeFrameHead(space, OP.send, session, type, channel, sequence, length, length);
    space.bytes.set(payload, at);
    if (type !== FRAME.ACK && length > POINTER_BYTES) {
      this.#payload = payload;
      this.#payloadAt = at;
      this.#payloadBatch = space.batch;
    }
  }

  flush(session: number, mark: number, handed: number): void {
    const at = this.#space.reserve(FLUSH_BYTES);
    const { view } = this.#space;
    view.setUint8(at, OP.flush);
    writeNumber(view, at + 1, session);
    writeNumber(view, at + 1 + NUMBER_BYTES, mark);
    writeNumber(view, at + 1 + 2 * NUMBER_BYTES, handed);
  }

  hold(session: number, held: boolean): void {
    writeCall(this.#space, held ? OP.hold : OP.release, session);
  }

  end(session: number, reason: string): void {
    writeCallWithReason(this.#space, OP.end, session, reason);
  }
}

/** Makes the calls of a batch, in order. Payloads are views of it. */
export function readLinkCalls(view: DataView, calls: LinkCalls): void {
  const end = usedBytes(view);
  for (let at = BATCH_HEADER_BYTES; at < end; ) {
    const op = view.getUint8(at);
    const session = readNumber(view, at + 1);
    const behind = at + 1 + NUMBER_BYTES;
    switch (op) {
      case OP.send:
      case OP.sendAgain:
        at = readSend(view, at, op === OP.sendAgain, session, calls);
        break;
      case OP.flush:
        calls.flush(session, readNumber(view, behind), readNumber(view, behind + NUMBER_BYTES));
        at += FLUSH_BYTES;
        break;
      case OP.hold:
      case OP.release:
        calls.hold(session, op === OP.hold);
        at = behind;
        break;
      case OP.end:
        calls.end(session, readReason(view, behind));
        at = behind + 2 + reasonBytes(view, behind);
        break;
      default:
        throw new RangeError(`a batch to a gateway worker has no call ${op}`);
    }
  }
}

function readSend(view: DataView, at: number, again: boolean, session: number, calls: LinkCalls): number {
  const length = view.getUint32(at + LENGTH_AT, true);
  const behind = at + FRAME_HEAD_BYTES;
  const start = again ? view.getUint32(behind, true) : behind;
  calls.send(
    session,
    view.getUint8(at + TYPE_AT),
    view.getUint32(at + CHANNEL_AT, true),
    view.getUint32(at + SEQUENCE_AT, true),
    new Uint8Array(view.buffer as ArrayBuffer, start, length),
  );
  return behind + (again ? POINTER_BYTES : length);
}
