import { ByteArena } from '../../protocol/byte-arena.ts';
import { frameLength, writeFrame } from '../../protocol/frames/frame.ts';
import { LIMITS } from '../../protocol/limits.ts';
import type { CipherState } from '../../protocol/noise/noise-cipher-state.ts';
import { RECORD_ROOM_BEFORE, RECORD_ROOM_BEHIND, RecordSealer } from '../../protocol/noise/record.ts';

/** Bytes that a block of the arena needs at least: the largest record with its prefix. */
const LARGEST_RECORD = RECORD_ROOM_BEFORE + LIMITS.MAX_RECORD_PLAINTEXT + RECORD_ROOM_BEHIND;
const BLOCK_SIZE = 2 * 65_536;

/** The arena in which records are built. One may serve all clients of a process. */
export function createRecordArena(): ByteArena {
  return new ByteArena(Math.max(BLOCK_SIZE, LARGEST_RECORD));
}

interface OutgoingFrame {
  readonly type: number;
  readonly channel: number;
  readonly sequence: number;
  readonly payload: Uint8Array;
  readonly length: number;
}

/** Collects frames and seals all that are ready into as few records as possible: one, up to 65 519 bytes. */
export class RecordWriter {
  readonly #sealer: RecordSealer;
  readonly #arena: ByteArena;
  #frames: OutgoingFrame[] = [];

  constructor(cipher: CipherState, arena: ByteArena) {
    this.#sealer = new RecordSealer(cipher);
    this.#arena = arena;
  }

  get empty(): boolean {
    return this.#frames.length === 0;
  }

  /** Takes a frame of at most LIMITS.MAX_RECORD_PLAINTEXT bytes; the payload must not change any more. */
  add(type: number, channel: number, sequence: number, payload: Uint8Array): void {
    const length = frameLength(channel, sequence, payload.length);
    this.#frames.push({ type, channel, sequence, payload, length });
  }

  /** Writes what was collected, one call of `write` for each record. */
  flush(write: (record: Uint8Array) => void): void {
    const frames = this.#frames;
    this.#frames = [];
    let first = 0;
    while (first < frames.length) {
      let end = first;
      let length = 0;
      for (let frame = frames[end]; frame !== undefined; frame = frames[end]) {
        if (end > first && length + frame.length > LIMITS.MAX_RECORD_PLAINTEXT) break;
        length += frame.length;
        end += 1;
      }
      write(this.#seal(frames, first, end, length));
      first = end;
    }
  }

  #seal(frames: readonly OutgoingFrame[], first: number, end: number, length: number): Uint8Array {
    const room = RECORD_ROOM_BEFORE + length + RECORD_ROOM_BEHIND;
    const block = this.#arena.reserve(room);
    const start = this.#arena.offset + RECORD_ROOM_BEFORE;
    let at = start;
    for (let i = first; i < end; i += 1) {
      const frame = frames[i];
      if (frame !== undefined) {
        at = writeFrame(block, at, frame.type, frame.channel, frame.sequence, frame.payload);
      }
    }
    this.#sealer.seal(block, start, at - start);
    this.#arena.take(room);
    return block.subarray(this.#sealer.start, this.#sealer.end);
  }
}
