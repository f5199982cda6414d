/**
 * Who has sent and received what. A lane is one sender in one channel; its messages are numbered 1, 2, 3, … Whatever a
 * steady receiver gets must be the next number of its lane: a gap, a double and a swap show at once, at the cost of one
 * number per lane and receiver.
 */
export class Ledger {
  readonly #sent = new Map<string, number>();
  readonly #acknowledged = new Map<string, number>();
  /** By receiver and lane. */
  readonly #heard = new Map<string, Map<string, number>>();
  readonly faults: string[] = [];
  received = 0;

  /** The text of the lane's next message; its size is padding. */
  next(lane: string, size: number): string {
    const number = (this.#sent.get(lane) ?? 0) + 1;
    this.#sent.set(lane, number);
    return `${lane}#${number}#${'.'.repeat(size)}`;
  }

  acknowledge(lane: string): void {
    this.#acknowledged.set(lane, (this.#acknowledged.get(lane) ?? 0) + 1);
  }

  /**
   * `steady`: sender and receiver were members of one channel all the time, so that nothing may be missing. Whoever
   * left and joins again may find itself in a channel of its own until somebody names it (PROTOCOL.md 6.2).
   */
  hear(receiver: string, text: string, steady: boolean): void {
    const [lane = '', digits] = text.split('#');
    const number = Number(digits);
    const heard = this.#heard.get(receiver) ?? new Map<string, number>();
    this.#heard.set(receiver, heard);
    const last = heard.get(lane) ?? 0;
    const isRight = steady ? number === last + 1 : number > last;
    if (!isRight) this.#fault(`${receiver} got ${lane}#${number} after #${last}`);
    heard.set(lane, Math.max(last, number));
    this.received += 1;
  }

  get sent(): number {
    return total(this.#sent);
  }

  get acknowledged(): number {
    return total(this.#acknowledged);
  }

  /** Lanes of which the receiver lacks the end. */
  missing(receiver: string, lanes: (lane: string) => boolean): string[] {
    const heard = this.#heard.get(receiver);
    return [...this.#sent]
      .filter(([lane, sent]) => lanes(lane) && (heard?.get(lane) ?? 0) < sent)
      .map(([lane, sent]) => `${receiver} has ${heard?.get(lane) ?? 0} of ${sent} of ${lane}`);
  }

  #fault(text: string): void {
    if (this.faults.length < 100) this.faults.push(text);
  }
}

function total(numbers: ReadonlyMap<string, number>): number {
  return [...numbers.values()].reduce((sum, number) => sum + number, 0);
}
