import { frameLength, writeFrame } from '../../protocol/frames/frame.ts';
import { LIMITS } from '../../protocol/limits.ts';
import { RECORD_ROOM_BEFORE, RECORD_ROOM_BEHIND, type RecordSealer } from '../../protocol/noise/record.ts';
import type { FrameLabel, Framing } from '../transports/transport.ts';

const SMALLEST = 512;
const LARGEST = RECORD_ROOM_BEFORE + LIMITS.MAX_RECORD_PLAINTEXT + RECORD_ROOM_BEHIND;
const NONE: readonly Uint8Array[] = [];
const NO_LABELS: readonly FrameLabel[] = [];

/**
 * The frames of one session that wait for their write. They are encoded one behind the other where they will be
 * encrypted: a whole turn's frames become one record (several beyond 65 519 bytes), without a copy in between.
 *
 * An empty one holds no memory. A new buffer gets the size that the last one needed, so a steady stream seldom grows one.
 */
export class Outgoing {
  readonly #sealer: RecordSealer | undefined;
  #buffer: Uint8Array | undefined;
  /** Plaintext bytes in the buffer, from RECORD_ROOM_BEFORE on. */
  #length = 0;
  /** Records that are complete and encrypted, in the order of their nonces. */
  #complete: Uint8Array[] | undefined;
  #completeBytes = 0;
  #expected = SMALLEST;
  /** Each frame is a chunk of its own: the peer sees where chunks end, and a record of several frames has no label. */
  readonly #separate: boolean;
  /** Of the chunks in `#complete`, where the peer is told. */
  #labels: FrameLabel[] | undefined;

  /**
   * @param sealer undefined for the older generation, whose frames travel as they are
   * @param framing of the transport
   */
  constructor(sealer: RecordSealer | undefined, framing: Framing = 'stream') {
    this.#sealer = sealer;
    this.#separate = framing === 'labelled' || (framing === 'messages' && sealer === undefined);
    this.#labels = framing === 'labelled' ? [] : undefined;
  }

  /** Bytes that wait. */
  get bytes(): number {
    return this.#length + this.#completeBytes;
  }

  /**
   * Queues one frame; the payload is copied.
   *
   * @throws RangeError for a frame above 65 519 bytes: no record carries it, so its sender had to be refused
   * @throws FrameError as `writeFrame`
   */
  append(type: number, channel: number, sequence: number, payload: Uint8Array): void {
    const needed = frameLength(channel, sequence, payload.length);
    if (needed > LIMITS.MAX_RECORD_PLAINTEXT) throw new RangeError('a frame larger than a record');
    if (this.#length + needed > LIMITS.MAX_RECORD_PLAINTEXT) this.#completeRecord();
    const buffer = this.#room(needed);
    const start = RECORD_ROOM_BEFORE + this.#length;
    this.#length = writeFrame(buffer, start, type, channel, sequence, payload) - RECORD_ROOM_BEFORE;
    if (this.#separate) {
      this.#completeRecord();
      this.#labels?.push({ type, channel, sequence });
    }
  }

  /** Everything that waits, ready to be written; the chunks belong to the caller. */
  take(): readonly Uint8Array[] {
    if (this.#length > 0) this.#completeRecord();
    const chunks = this.#complete;
    if (chunks === undefined) return NONE;
    this.#complete = undefined;
    this.#completeBytes = 0;
    return chunks;
  }

  /** The labels of the chunks that `take` returned last, when the transport shows them. */
  takeLabels(): readonly FrameLabel[] {
    const labels = this.#labels;
    if (labels === undefined) return NO_LABELS;
    this.#labels = [];
    return labels;
  }

  #completeRecord(): void {
    const buffer = this.#buffer;
    if (buffer === undefined) return;
    const chunk = this.#seal(buffer);
    this.#expected = chunk.length + RECORD_ROOM_BEFORE;
    this.#buffer = undefined;
    this.#length = 0;
    this.#completeBytes += chunk.length;
    if (this.#complete === undefined) this.#complete = [chunk];
    else this.#complete.push(chunk);
  }

  #seal(buffer: Uint8Array): Uint8Array {
    const sealer = this.#sealer;
    if (sealer === undefined) return buffer.subarray(RECORD_ROOM_BEFORE, RECORD_ROOM_BEFORE + this.#length);
    sealer.seal(buffer, RECORD_ROOM_BEFORE, this.#length);
    return buffer.subarray(sealer.start, sealer.end);
  }

  /** The buffer, with room for `needed` more bytes of plaintext. */
  #room(needed: number): Uint8Array {
    const buffer = this.#buffer;
    const size = RECORD_ROOM_BEFORE + this.#length + needed + RECORD_ROOM_BEHIND;
    if (buffer !== undefined && size <= buffer.length) return buffer;
    const wanted = Math.max(size, buffer === undefined ? this.#expected : 2 * buffer.length, SMALLEST);
    const larger = Buffer.allocUnsafe(Math.min(LARGEST, wanted));
    if (buffer !== undefined) larger.set(buffer.subarray(0, RECORD_ROOM_BEFORE + this.#length));
    this.#buffer = larger;
    return larger;
  }
}
