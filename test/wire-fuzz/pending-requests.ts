import type { Request } from './room.ts';

export interface Pending extends Request {
  readonly answered: (accepted: boolean, code: string | undefined) => void;
}

/** Requests of a session that have no answer yet, by sequence; a frame that is sent twice has two answers. */
export class PendingRequests {
  readonly #bySequence = new Map<number, Pending[]>();

  get size(): number {
    return [...this.#bySequence.values()].reduce((sum, { length }) => sum + length, 0);
  }

  has(sequence: number): boolean {
    return this.#bySequence.has(sequence);
  }

  expect(sequence: number, request: Pending): void {
    const requests = this.#bySequence.get(sequence);
    if (requests === undefined) this.#bySequence.set(sequence, [request]);
    else requests.push(request);
  }

  /** The oldest request of this sequence, which has its answer now; undefined: there is none. */
  answered(sequence: number): Pending | undefined {
    const requests = this.#bySequence.get(sequence);
    const request = requests?.shift();
    if (requests?.length === 0) this.#bySequence.delete(sequence);
    return request;
  }

  /** The session is over: none of them will be answered. */
  lose(): void {
    for (const requests of this.#bySequence.values()) {
      for (const request of requests) request.lost = true;
    }
    this.#bySequence.clear();
  }
}
