import { LIMITS } from '../limits.ts';
import { readVarint, VARINT_INCOMPLETE, VARINT_OVERFLOW } from '../varint.ts';
import { type Frame, FrameError } from './frame.ts';
import { frameTypeOf } from './frame-types.ts';

/** What a decoder takes before it refuses. */
export interface FrameDecoderLimits {
  /** Largest accepted body in bytes. @default 16777216 */
  readonly maxFrameLength?: number;
}

const NOTHING = new Uint8Array(0);
/** Smallest and largest block of a frame that spans chunks. */
const SMALLEST_BLOCK = 256;
const LARGEST_BLOCK = 65_536;

/**
 * Cuts a stream of chunks into frames; where a chunk ends means nothing. PROTOCOL.md 1.5, 1.6.
 *
 * A frame inside one chunk costs no copy: its payload is a view of the chunk, so a chunk must not change after it was
 * pushed. A frame that spans chunks is copied into blocks that come with what has really arrived, at most twice that: a
 * length prefix alone, or a flood of one-byte chunks, buys a peer no memory, and nothing is copied or thrown away while it
 * grows. Nothing but a returned frame keeps a chunk that was read to its end.
 *
 * After each `push`, call `next` until it returns undefined. Bytes that can never become a frame throw FrameError, also
 * where the reference waits forever (empty body, fields cut by the end of the body); after that every call throws it.
 * Whether a JSON payload is JSON is the caller's question to `parseJson`.
 */
export class FrameDecoder {
  readonly #maxFrameLength: number;
  readonly #cursor = { offset: 0 };
  #chunk: Uint8Array = NOTHING;
  #offset = 0;
  /** Chunks behind `#chunk`; empty unless somebody pushes twice without asking for frames. */
  readonly #later: Uint8Array[] = [];
  #laterLength = 0;
  /** The beginning of a frame whose end has not arrived, prefix included. All blocks are full but the last. */
  #blocks: Uint8Array[] = [];
  #lastBlock: Uint8Array = NOTHING;
  #lastLength = 0;
  /** Bytes in all blocks, and what the blocks take. */
  #partialLength = 0;
  #held = 0;
  /** Length of the partial frame with its prefix; 0 while the prefix itself is incomplete. */
  #wanted = 0;
  #failure: FrameError | undefined;

  constructor(limits: FrameDecoderLimits = {}) {
    this.#maxFrameLength = Math.min(
      limits.maxFrameLength ?? LIMITS.MAX_FRAME_LENGTH,
      LIMITS.MAX_FRAME_LENGTH,
    );
  }

  /** Bytes that were pushed and are not part of a returned frame. */
  get buffered(): number {
    return this.#chunk.length - this.#offset + this.#laterLength + this.#partialLength;
  }

  /** Bytes of memory that a frame whose end has not arrived keeps. */
  get held(): number {
    return this.#held;
  }

  /** Lets go of everything that was pushed and is not part of a returned frame. */
  discard(): void {
    this.#chunk = NOTHING;
    this.#offset = 0;
    this.#later.length = 0;
    this.#laterLength = 0;
    this.#discardPartial();
  }

  push(chunk: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (this.#offset === this.#chunk.length && this.#later.length === 0) {
      this.#chunk = chunk;
      this.#offset = 0;
      return;
    }
    this.#later.push(chunk);
    this.#laterLength += chunk.length;
  }

  /** The next complete frame, or undefined when more bytes are needed. Throws FrameError. */
  next(): Frame | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    try {
      return this.#next();
    } catch (error) {
      if (error instanceof FrameError) this.#failure = error;
      throw error;
    }
  }

  #next(): Frame | undefined {
    for (;;) {
      if (this.#offset === this.#chunk.length && !this.#advance()) return undefined;
      if (this.#partialLength > 0) {
        if (this.#fillPartial()) return this.#takePartial();
        continue;
      }
      const chunk = this.#chunk;
      const cursor = this.#cursor;
      cursor.offset = this.#offset;
      const length = this.#readPrefix(chunk, chunk.length);
      const end = cursor.offset + length;
      if (length === VARINT_INCOMPLETE || end > chunk.length) {
        this.#startPartial(length === VARINT_INCOMPLETE ? 0 : end - this.#offset);
        continue;
      }
      this.#offset = end;
      return readBody(chunk, cursor, end);
    }
  }

  /** Turns to the next chunk that is not empty; false when there is none. Lets go of the old one. */
  #advance(): boolean {
    this.#chunk = NOTHING;
    this.#offset = 0;
    while (this.#later.length > 0 && this.#chunk.length === 0) {
      this.#chunk = this.#later.shift() ?? NOTHING;
      this.#laterLength -= this.#chunk.length;
    }
    return this.#chunk.length > 0;
  }

  /** Body length at the cursor, or VARINT_INCOMPLETE; refuses a body that can never be accepted. */
  #readPrefix(bytes: Uint8Array, end: number): number {
    const length = readVarint(bytes, this.#cursor, end);
    if (length === VARINT_INCOMPLETE) return length;
    if (length === VARINT_OVERFLOW) throw new FrameError('varint_overflow');
    if (length > this.#maxFrameLength) throw new FrameError('frame_too_large');
    if (length === 0) throw new FrameError('empty_body');
    return length;
  }

  /** Takes the rest of the chunk as the beginning of a frame. */
  #startPartial(wanted: number): void {
    this.#wanted = wanted;
    this.#append(this.#chunk.length - this.#offset);
  }

  /** Moves bytes of the chunk into the partial frame; true when it is complete. */
  #fillPartial(): boolean {
    while (this.#wanted === 0) {
      if (this.#offset === this.#chunk.length) return false;
      this.#append(1);
      this.#cursor.offset = 0;
      const length = this.#readPrefix(this.#blocks[0] ?? NOTHING, this.#partialLength);
      if (length !== VARINT_INCOMPLETE) this.#wanted = this.#cursor.offset + length;
    }
    this.#append(Math.min(this.#wanted - this.#partialLength, this.#chunk.length - this.#offset));
    return this.#partialLength === this.#wanted;
  }

  #append(count: number): void {
    for (let left = count; left > 0; ) {
      if (this.#lastLength === this.#lastBlock.length) this.#addBlock(left);
      const taken = Math.min(left, this.#lastBlock.length - this.#lastLength);
      this.#lastBlock.set(this.#chunk.subarray(this.#offset, this.#offset + taken), this.#lastLength);
      this.#lastLength += taken;
      this.#partialLength += taken;
      this.#offset += taken;
      left -= taken;
    }
  }

  /** For so many bytes, and for about as many again as have arrived then. The first block holds the length prefix. */
  #addBlock(count: number): void {
    const arrived = this.#partialLength + count;
    const size = Math.min(LARGEST_BLOCK, Math.max(SMALLEST_BLOCK, count + arrived));
    const block = new Uint8Array(
      this.#wanted === 0 ? size : Math.min(this.#wanted - this.#partialLength, size),
    );
    this.#blocks.push(block);
    this.#lastBlock = block;
    this.#lastLength = 0;
    this.#held += block.length;
  }

  /** The only block, or a copy of all of them, now belongs to the frame's payload. */
  #takePartial(): Frame {
    const end = this.#wanted;
    let bytes = this.#lastBlock;
    if (this.#blocks.length > 1) {
      bytes = new Uint8Array(end);
      let at = 0;
      for (const block of this.#blocks) {
        bytes.set(block === this.#lastBlock ? block.subarray(0, this.#lastLength) : block, at);
        at += block.length;
      }
    }
    this.#discardPartial();
    this.#cursor.offset = 0;
    readVarint(bytes, this.#cursor, end);
    return readBody(bytes, this.#cursor, end);
  }

  #discardPartial(): void {
    this.#blocks = [];
    this.#lastBlock = NOTHING;
    this.#lastLength = 0;
    this.#partialLength = 0;
    this.#held = 0;
    this.#wanted = 0;
  }
}

/** Reads the fields in [cursor, end), in the reference's order of checks. */
function readBody(bytes: Uint8Array, cursor: { offset: number }, end: number): Frame {
  const type = bytes[cursor.offset++] ?? 0;
  const known = frameTypeOf(type);
  if (known === undefined) throw new FrameError('unknown_type');
  const channel = readField(bytes, cursor, end);
  if (channel > LIMITS.MAX_CHANNEL) throw new FrameError('channel_too_large');
  const sequence = readField(bytes, cursor, end);
  if (sequence > LIMITS.MAX_SEQUENCE) throw new FrameError('sequence_too_large');
  const length = readField(bytes, cursor, end);
  if (length > LIMITS.MAX_FRAME_LENGTH) throw new FrameError('payload_too_large');
  const start = cursor.offset;
  // Bytes of the body behind the payload are ignored, as the reference does.
  if (start + length > end) throw new FrameError('truncated_body');
  if (known.payload === 'json' && length > LIMITS.MAX_CONTROL_JSON) throw new FrameError('control_too_large');
  return { type, channel, sequence, payload: bytes.subarray(start, start + length) };
}

function readField(bytes: Uint8Array, cursor: { offset: number }, end: number): number {
  const value = readVarint(bytes, cursor, end);
  if (value === VARINT_INCOMPLETE) throw new FrameError('truncated_body');
  if (value === VARINT_OVERFLOW) throw new FrameError('varint_overflow');
  return value;
}
