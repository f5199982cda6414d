import type { Clock } from '../../ports/ports.ts';
import { serialAfter } from '../../protocol/serial.ts';

export interface ConfirmerParts {
  /** What the store holds at the start. */
  readonly kept: number | undefined;
  readonly clock: Clock;
  /** Keeps the number; a promise when that takes time. */
  readonly keep: (processed: number) => Promise<void> | undefined;
  /** Sends the confirmation, if there is a session. */
  readonly confirm: (processed: number) => void;
  readonly failed: (error: unknown) => void;
}

/**
 * Processed by the application, then kept in the store, then confirmed to the server: in this order a crash at any point
 * brings a message again rather than losing it. One write and one confirmation stand for all messages of a turn.
 */
export class Confirmer {
  readonly #parts: ConfirmerParts;
  #processed: number | undefined;
  #kept: number | undefined;
  /** Counts how often the numbers have started anew: what was kept before says nothing about those that came behind. */
  #generation = 0;
  #scheduled = false;
  #saving = false;
  #onSettled: (() => void)[] = [];

  constructor(parts: ConfirmerParts) {
    this.#parts = parts;
    this.#kept = parts.kept;
  }

  /** Everything up to `number` is processed. */
  progress(number: number): void {
    this.#processed = number;
    if (this.#scheduled || this.#saving) return;
    this.#scheduled = true;
    this.#parts.clock.soon(this.#run);
  }

  /** The highest number that the store has. */
  get kept(): number | undefined {
    return this.#kept;
  }

  /**
   * The numbers behind `last` start anew. Returns the highest number that is processed and still means what it did, which
   * the caller keeps.
   */
  startOver(last: number): number | undefined {
    const processed = this.#processed ?? this.#kept;
    if (processed === undefined || !serialAfter(processed, last)) return processed;
    this.#processed = undefined;
    this.#kept = last;
    this.#generation += 1;
    return last;
  }

  /** Resolves when what is processed is kept and confirmed, or the store has failed. */
  settled(): Promise<void> {
    if (!this.#scheduled && !this.#saving) return Promise.resolve();
    return new Promise((resolve) => this.#onSettled.push(resolve));
  }

  readonly #run = (): void => {
    this.#scheduled = false;
    const processed = this.#processed;
    if (processed === undefined) {
      this.#done();
      return;
    }
    let saving: Promise<void> | undefined;
    try {
      saving = this.#parts.keep(processed);
    } catch (error) {
      this.#parts.failed(error);
      this.#done();
      return;
    }
    if (saving === undefined) {
      this.#keptThrough(processed, this.#generation);
      this.#done();
      return;
    }
    void this.#wait(saving, processed);
  };

  async #wait(saving: Promise<void>, processed: number): Promise<void> {
    const generation = this.#generation;
    this.#saving = true;
    try {
      await saving;
    } catch (error) {
      this.#saving = false;
      this.#parts.failed(error);
      this.#done();
      return;
    }
    this.#saving = false;
    this.#keptThrough(processed, generation);
    const nothingNew = generation === this.#generation && this.#processed === processed;
    if (nothingNew) this.#done();
    else this.#run();
  }

  #keptThrough(processed: number, generation: number): void {
    if (generation !== this.#generation) return;
    this.#kept = processed;
    this.#parts.confirm(processed);
  }

  #done(): void {
    for (const resolve of this.#onSettled.splice(0)) resolve();
  }
}
