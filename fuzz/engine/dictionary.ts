import type { Prng } from './prng.ts';

/** Texts compared lately; a ring, so that a checksum in a loop cannot grow it. */
const RECENT = 256;
const MAX_TOKEN = 64;

/** What inputs are worth to contain: literals of the code, and values that the code compared with something else. */
export class Dictionary {
  readonly #fixed: readonly Uint8Array[];
  readonly #recent: Uint8Array[] = [];
  #next = 0;
  readonly #known = new Set<string>();

  constructor(literals: readonly string[]) {
    this.#fixed = literals.map((literal) => Buffer.from(literal));
  }

  /** Called by instrumented code for every `===` and `!==`. */
  compare(left: unknown, right: unknown): boolean {
    const equal = left === right;
    if (equal) return equal;
    if (typeof left === 'string' && typeof right === 'string') {
      this.#note(left);
      this.#note(right);
    } else if (typeof left === 'number' && typeof right === 'number' && Number.isSafeInteger(right)) {
      this.#note(String(right));
    }
    return equal;
  }

  token(prng: Prng): Uint8Array | undefined {
    const fromRecent = this.#recent.length > 0 && prng.below(2) === 0;
    return prng.pick(fromRecent ? this.#recent : this.#fixed);
  }

  #note(text: string): void {
    if (text.length === 0 || text.length > MAX_TOKEN || this.#known.has(text)) return;
    if (this.#known.size > 4 * RECENT) this.#known.clear();
    this.#known.add(text);
    this.#recent[this.#next++ % RECENT] = Buffer.from(text);
  }
}
