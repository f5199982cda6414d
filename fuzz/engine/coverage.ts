/** 8 classes of how often a counter ran: 1, 2, 3, 4-7, 8-15, 16-31, 32-127, 128+. */
const CLASSES = new Uint8Array(256);
for (let count = 1; count < 256; count++) {
  const limits = [1, 2, 3, 7, 15, 31, 127, 255];
  CLASSES[count] = 1 << limits.findIndex((limit) => count <= limit);
}

/** What the inputs so far have reached. A feature is a counter in one of its classes. */
export class Coverage {
  /** Written by instrumented code. */
  readonly counters: Uint8Array;
  readonly #seen: Uint8Array;
  edges = 0;
  features = 0;

  constructor(counters: number) {
    this.counters = new Uint8Array(counters);
    this.#seen = new Uint8Array(counters);
  }

  reset(): void {
    this.counters.fill(0);
  }

  /** Takes over what the last run reached; returns how many features were new. */
  merge(): number {
    const { counters } = this;
    const seen = this.#seen;
    let fresh = 0;
    for (let at = 0; at < counters.length; at++) {
      const count = counters[at] ?? 0;
      if (count === 0) continue;
      const bit = CLASSES[count] ?? 0;
      const before = seen[at] ?? 0;
      if ((before & bit) !== 0) continue;
      seen[at] = before | bit;
      fresh += 1;
      if (before === 0) this.edges += 1;
    }
    this.features += fresh;
    return fresh;
  }
}
