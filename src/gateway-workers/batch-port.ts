import type { Clock } from '../ports/ports.ts';
import { BATCH_HEADER_BYTES, consumedBytes, usedBytes, writeHeader } from './batch-layout.ts';
import type { LinkCallSpace } from './link-calls.ts';

const SMALLEST = 4_096;
/** A batch that is full leaves within the turn, so that the other thread can begin. */
const LARGEST = 262_144;
/** After so many bytes the other side hears what was worked off, also when there is nothing else to say. */
const REPORT_EVERY = 1_048_576;
/** A buffer that is so many times too large is not used again: what it says may keep all of it in memory. */
const MOST_ROOM = 4;
const NOTHING = new ArrayBuffer(0);

export interface BatchPortParts {
  readonly clock: Pick<Clock, 'soon'>;
  /** Hands the batch to the other thread; it is the other's from then on. */
  readonly transfer: (batch: ArrayBuffer) => void;
  /** Batches of the other side are free as soon as they are read: nothing that they said refers to them. */
  readonly reuse?: boolean;
}

/**
 * One end of the connection between the relay's thread and a gateway worker: collects the calls of one turn of the event
 * loop and hands them over as one batch. Both ends know how many bytes the other has not worked off.
 */
export class BatchPort implements LinkCallSpace {
  readonly #parts: BatchPortParts;
  #buffer = NOTHING;
  #spare = NOTHING;
  #view = new DataView(NOTHING);
  #bytes = new Uint8Array(NOTHING);
  /** 0: no batch is open. */
  #used = 0;
  #batch = 0;
  #size = SMALLEST;
  #scheduled = false;
  #posted = 0;
  #workedOffByPeer = 0;
  #workedOff = 0;
  #reported = 0;

  constructor(parts: BatchPortParts) {
    this.#parts = parts;
  }

  get view(): DataView {
    return this.#view;
  }

  get bytes(): Uint8Array {
    return this.#bytes;
  }

  get batch(): number {
    return this.#batch;
  }

  /** Bytes that wait here, are on their way or wait at the other side. */
  get pending(): number {
    return this.#used + this.#posted - this.#workedOffByPeer;
  }

  fits(length: number): boolean {
    return this.#used + length <= this.#bytes.length;
  }

  reserve(length: number): number {
    if (this.#used + length > this.#bytes.length) this.#open(length);
    const at = this.#used;
    this.#used = at + length;
    return at;
  }

  /** Hands over what has been collected, now: what follows by another way must not overtake it. */
  post(): void {
    const used = this.#used;
    if (used === 0) return;
    writeHeader(this.#view, used, this.#workedOff);
    const batch = this.#buffer;
    this.#reported = this.#workedOff;
    this.#posted += used;
    // The next one will be about as large.
    this.#size = Math.min(LARGEST, Math.max(SMALLEST, 2 ** Math.ceil(Math.log2(used))));
    this.#used = 0;
    this.#buffer = NOTHING;
    this.#bytes = new Uint8Array(NOTHING);
    this.#parts.transfer(batch);
  }

  /** A batch from the other side: makes its calls by `read`, and notes what it says about ours. */
  receive(batch: ArrayBuffer, read: (batch: DataView) => void): void {
    const view = new DataView(batch);
    this.#workedOffByPeer = consumedBytes(view);
    read(view);
    this.#workedOff += usedBytes(view);
    if (this.#parts.reuse === true) this.#spare = batch;
    if (this.#workedOff - this.#reported >= REPORT_EVERY && this.#used === 0) this.#open(0);
  }

  #take(size: number): ArrayBuffer {
    const spare = this.#spare;
    this.#spare = NOTHING;
    const fits = spare.byteLength >= size && spare.byteLength <= MOST_ROOM * size;
    // Not zeroed: nobody reads behind what is used.
    return fits ? spare : Buffer.allocUnsafeSlow(size).buffer;
  }

  #open(length: number): void {
    if (this.#used > 0) {
      this.post();
      this.#size = Math.min(LARGEST, 2 * this.#size);
    }
    this.#buffer = this.#take(Math.max(this.#size, BATCH_HEADER_BYTES + length));
    this.#bytes = new Uint8Array(this.#buffer);
    this.#view = new DataView(this.#buffer);
    this.#used = BATCH_HEADER_BYTES;
    this.#batch += 1;
    if (this.#scheduled) return;
    this.#scheduled = true;
    this.#parts.clock.soon(() => {
      this.#scheduled = false;
      this.post();
    });
  }
}
