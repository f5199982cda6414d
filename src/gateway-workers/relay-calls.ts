import type { Frame } from '../protocol/frames/frame.ts';
import type { RelayPort } from '../relay-port/relay-port.ts';
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
  writeCallWithNumber,
  writeCallWithReason,
  writeFrameHead,
} from './batch-layout.ts';

/** Worker to relay. */
const OP = { frame: 1, begin: 2, taken: 3, received: 4, closed: 5, passed: 6 } as const;

/** What a batch from a worker says: the calls of RelayPort that have no answer, and how far a session's link has got. */
export interface RelayCalls extends Pick<RelayPort, 'frame' | 'begin' | 'taken' | 'received' | 'closed'> {
  /** The link of this session has passed on all but the newest bytes: `bytes` since it began, counted as `FLUSH` does. */
  passed(session: number, bytes: number): void;
}

/** Writes calls into a batch. `writable` is missing: the relay's side knows by `passed`. */
export class RelayCallWriter implements RelayCalls {
  readonly #space: BatchSpace;

  constructor(space: BatchSpace) {
    this.#space = space;
  }

  frame(session: number, { type, channel, sequence, payload }: Frame): void {
    const { length } = payload;
    const space = this.#space;
    const at = writeFrameHead(space, OP.frame, session, type, channel, sequence, length, length);
    space.bytes.set(payload, at);
  }

  begin(session: number): void {
    writeCall(this.#space, OP.begin, session);
  }

  taken(session: number, mark: number): void {
    writeCallWithNumber(this.#space, OP.taken, session, mark);
  }

  received(session: number, mark: number): void {
    writeCallWithNumber(this.#space, OP.received, session, mark);
  }

  closed(session: number, reason: string): void {
    writeCallWithReason(this.#space, OP.closed, session, reason);
  }

  passed(session: number, bytes: number): void {
    writeCallWithNumber(this.#space, OP.passed, session, bytes);
  }
}

/** Makes the calls of a batch, in order. Payloads are views of it. */
export function readRelayCalls(view: DataView, calls: RelayCalls): void {
  const end = usedBytes(view);
  for (let at = BATCH_HEADER_BYTES; at < end; ) {
    const op = view.getUint8(at);
    const session = readNumber(view, at + 1);
    const behind = at + 1 + NUMBER_BYTES;
    switch (op) {
      case OP.frame:
        at = readFrame(view, at, session, calls);
        break;
      case OP.begin:
        calls.begin(session);
        at = behind;
        break;
      case OP.taken:
        calls.taken(session, readNumber(view, behind));
        at = behind + NUMBER_BYTES;
        break;
      case OP.received:
        calls.received(session, readNumber(view, behind));
        at = behind + NUMBER_BYTES;
        break;
      case OP.passed:
        calls.passed(session, readNumber(view, behind));
        at = behind + NUMBER_BYTES;
        break;
      case OP.closed:
        calls.closed(session, readReason(view, behind));
        at = behind + 2 + reasonBytes(view, behind);
        break;
      default:
        throw new RangeError(`a batch from a gateway worker has no call ${op}`);
    }
  }
}

function readFrame(view: DataView, at: number, session: number, calls: RelayCalls): number {
  const length = view.getUint32(at + LENGTH_AT, true);
  const start = at + FRAME_HEAD_BYTES;
  calls.frame(session, {
    type: view.getUint8(at + TYPE_AT),
    channel: view.getUint32(at + CHANNEL_AT, true),
    sequence: view.getUint32(at + SEQUENCE_AT, true),
    payload: new Uint8Array(view.buffer as ArrayBuffer, start, length),
  });
  return start + length;
}
