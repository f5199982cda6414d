import { CommuCatError } from '../../ports/commucat-error.ts';
import { ByteArena } from '../byte-arena.ts';
import { LIMITS } from '../limits.ts';
import type { CipherState } from './noise-cipher-state.ts';

/**
 * - `RECORD_LENGTH`: a length prefix that no record can have
 * - `RECORD_DECRYPT`: a record that does not decrypt
 * - `RECORD_TOO_LARGE`: more plaintext than one record carries
 */
export type RecordErrorCode = 'RECORD_LENGTH' | 'RECORD_DECRYPT' | 'RECORD_TOO_LARGE';

/** The record layer failed; the connection must end without an ERROR frame (PROTOCOL.md "Record layer"). */
export class RecordError extends CommuCatError {
  declare readonly code: RecordErrorCode;

  constructor(code: RecordErrorCode, message: string) {
    super(code, message);
    this.name = 'RecordError';
  }
}

/** Bytes that a sealer needs before the plaintext: the longest length prefix. */
export const RECORD_ROOM_BEFORE = 3;
/** Bytes that a sealer needs behind the plaintext: the tag. */
export const RECORD_ROOM_BEHIND = 16;

const EMPTY = new Uint8Array(0);
/** The first buffer for a record that arrives in pieces, and by how much one is larger than what has really arrived. */
const FIRST_PARTIAL = 1024;
/** A record of 64 KiB in pieces of 16 KiB, as HTTP/2 brings it, has one buffer. */
const GROWTH = 4;
/** A partial buffer up to this size is kept for the next record. */
const KEPT_PARTIAL = 2048;

/**
 * Reads records (PROTOCOL.md "Record layer") from chunks of any size: `push` a chunk, then call `next` until it returns
 * undefined. A record without plaintext is valid and gives a view of length 0.
 *
 * The returned views lie in an arena and stay valid for as long as they are held. Chunks are not copied unless a record
 * continues in the next one, and then only its own bytes; they must not change until `next` returned undefined. A length
 * that no record can have is refused with the byte of the prefix that shows it, before anything is kept. After an error
 * every further call throws the same error.
 */
export class RecordOpener {
  readonly #cipher: CipherState;
  readonly #arena: ByteArena;
  #chunks: Uint8Array[] = [];
  /** Read position in the first chunk. */
  #offset = 0;
  #prefixBytes = 0;
  /** Length of the record that is being read; while `#prefixBytes` > 0 what is known of it. */
  #length = 0;
  #inBody = false;
  #partial: Uint8Array = EMPTY;
  #partialLength = 0;
  #failure: RecordError | undefined;

  /** @param arena share one among all sessions of a thread, its blocks at least 64 KiB */
  constructor(cipher: CipherState, arena: ByteArena = new ByteArena()) {
    this.#cipher = cipher;
    this.#arena = arena;
  }

  /** Whether a record has begun that has not ended. */
  get begun(): boolean {
    return this.#inBody || this.#prefixBytes > 0;
  }

  /** Bytes of memory that a record whose end has not arrived keeps. */
  get held(): number {
    return this.#partial.length;
  }

  /** Lets go of everything that was pushed. The opener must not be used any more. */
  discard(): void {
    this.#chunks = [];
    this.#partial = EMPTY;
  }

  push(chunk: Uint8Array): void {
    if (this.#failure !== undefined) throw this.#failure;
    if (chunk.length > 0) this.#chunks.push(chunk);
  }

  /** The plaintext of the next complete record. @throws RecordError code `RECORD_LENGTH` or `RECORD_DECRYPT` */
  next(): Uint8Array | undefined {
    if (this.#failure !== undefined) throw this.#failure;
    for (;;) {
      const chunk = this.#chunks[0];
      if (chunk === undefined) return undefined;
      if (this.#offset === chunk.length) {
        this.#chunks.shift();
        this.#offset = 0;
      } else if (!this.#inBody) {
        this.#readPrefix(chunk);
      } else {
        const ciphertext = this.#readBody(chunk);
        if (ciphertext !== undefined) return this.#open(ciphertext);
      }
    }
  }

  /** Takes bytes of the length prefix from the chunk. Padded spellings up to 10 bytes are read like the shortest one. */
  #readPrefix(chunk: Uint8Array): void {
    while (this.#offset < chunk.length) {
      const byte = chunk[this.#offset] ?? 0;
      this.#offset += 1;
      const digits = byte & 0x7f;
      // From the fourth byte on only padding can follow; shifting is safe before.
      if (this.#prefixBytes >= 3 && digits !== 0) this.#fail('RECORD_LENGTH', 'record length above 65535');
      if (this.#prefixBytes < 3) this.#length |= digits << (7 * this.#prefixBytes);
      this.#prefixBytes += 1;
      if (this.#length > LIMITS.MAX_RECORD) this.#fail('RECORD_LENGTH', 'record length above 65535');
      if (byte < 0x80) {
        if (this.#length < LIMITS.MIN_RECORD) this.#fail('RECORD_LENGTH', 'record length below 16');
        this.#inBody = true;
        return;
      }
      if (this.#prefixBytes === LIMITS.MAX_VARINT_BYTES) this.#fail('RECORD_LENGTH', 'endless length prefix');
    }
  }

  /** The ciphertext if it is complete: a view of the chunk, or of the partial buffer. */
  #readBody(chunk: Uint8Array): Uint8Array | undefined {
    const start = this.#offset;
    const available = chunk.length - start;
    const missing = this.#length - this.#partialLength;
    if (this.#partialLength === 0 && available >= missing) {
      this.#offset = start + missing;
      return chunk.subarray(start, this.#offset);
    }
    const taken = Math.min(available, missing);
    this.#growPartial(this.#partialLength + taken);
    this.#partial.set(chunk.subarray(start, start + taken), this.#partialLength);
    this.#partialLength += taken;
    this.#offset = start + taken;
    return taken === missing ? this.#partial.subarray(0, this.#length) : undefined;
  }

  /** Memory follows the bytes that arrived, not the length that a peer claims. */
  #growPartial(needed: number): void {
    if (needed <= this.#partial.length) return;
    const grown = new Uint8Array(Math.min(this.#length, Math.max(FIRST_PARTIAL, GROWTH * needed)));
    grown.set(this.#partial.subarray(0, this.#partialLength));
    this.#partial = grown;
  }

  #open(ciphertext: Uint8Array): Uint8Array {
    const block = this.#arena.reserve(ciphertext.length - RECORD_ROOM_BEHIND);
    const length = this.#cipher.decryptInto(ciphertext, block, this.#arena.offset);
    if (length < 0) this.#fail('RECORD_DECRYPT', 'a record does not decrypt');
    this.#inBody = false;
    this.#prefixBytes = 0;
    this.#length = 0;
    this.#partialLength = 0;
    if (this.#partial.length > KEPT_PARTIAL) this.#partial = EMPTY;
    return this.#arena.take(length);
  }

  #fail(code: RecordErrorCode, message: string): never {
    this.#failure = new RecordError(code, message);
    this.discard();
    throw this.#failure;
  }
}

/**
 * Writes records (PROTOCOL.md "Record layer") where their plaintext lies: the caller leaves room around it, so one buffer
 * is encrypted and sent without a copy.
 */
export class RecordSealer {
  /** Where the record of the last `seal` begins in its buffer. */
  start = 0;
  /** Where it ends. */
  end = 0;
  readonly #cipher: CipherState;

  constructor(cipher: CipherState) {
    this.#cipher = cipher;
  }

  /**
   * Encrypts `buffer[offset, offset + plaintextLength)` in place, with the tag behind it and the length prefix directly
   * before it, and sets `start` and `end` to the finished record.
   *
   * @param offset at least RECORD_ROOM_BEFORE; RECORD_ROOM_BEHIND bytes must be free behind the plaintext
   * @param plaintextLength 0 … 65 519 bytes
   * @throws RecordError code `RECORD_TOO_LARGE`; nothing is changed then
   * @throws RangeError if there is no room
   */
  seal(buffer: Uint8Array, offset: number, plaintextLength: number): void {
    if (plaintextLength > LIMITS.MAX_RECORD_PLAINTEXT) {
      throw new RecordError('RECORD_TOO_LARGE', 'more than 65519 bytes of plaintext in one record');
    }
    if (offset < RECORD_ROOM_BEFORE) throw new RangeError('no room for the length prefix');
    this.#cipher.encryptInPlace(buffer, offset, plaintextLength);
    const length = plaintextLength + RECORD_ROOM_BEHIND;
    let start = offset;
    if (length < 0x80) {
      buffer[--start] = length;
    } else if (length < 0x4000) {
      buffer[--start] = length >> 7;
      buffer[--start] = (length & 0x7f) | 0x80;
    } else {
      buffer[--start] = length >> 14;
      buffer[--start] = ((length >> 7) & 0x7f) | 0x80;
      buffer[--start] = (length & 0x7f) | 0x80;
    }
    this.start = start;
    this.end = offset + length;
  }
}
