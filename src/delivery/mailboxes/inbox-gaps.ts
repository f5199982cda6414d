import { serialDistance } from '../../protocol/serial.ts';

/** Inbox numbers from `from` to below `to` that no letter has. */
export interface InboxGap {
  readonly from: number;
  readonly to: number;
  /** Skipped because a new history of the log began: no letter ever had them here, so there is nothing to tell. */
  readonly skipped: boolean;
}

/** The gaps between the letters of one mailbox: few, of any size, in ascending order. */
export class InboxGaps {
  #gaps: InboxGap[] = [];

  add(gap: InboxGap): void {
    if (gap.from !== gap.to) this.#gaps.push(gap);
  }

  containing(number: number): InboxGap | undefined {
    if (this.#gaps.length === 0) return undefined;
    return this.#gaps.find(({ from, to }) => serialDistance(from, number) < serialDistance(from, to));
  }

  /** Letters that could stand between `base` and below `number`, which lies less than 2^31 away. */
  slots(base: number, number: number): number {
    const distance = signedDistance(base, number);
    let slots = distance;
    for (const { from, to } of this.#gaps) {
      const first = Math.max(0, signedDistance(base, from));
      const end = Math.min(distance, signedDistance(base, to));
      if (end > first) slots -= end - first;
    }
    return slots;
  }

  /** Gaps of skipped numbers that begin at or behind `first` and end at or before `number`. */
  skippedBetween(first: number, number: number): readonly InboxGap[] {
    if (this.#gaps.length === 0) return this.#gaps;
    const inside = (at: number): boolean => signedDistance(first, at) >= 0 && signedDistance(at, number) >= 0;
    return this.#gaps.filter(({ from, to, skipped }) => skipped && inside(from) && inside(to));
  }

  /** Forgets the gaps below the number. */
  dropBelow(number: number): void {
    if (this.#gaps.length > 0) this.#gaps = this.#gaps.filter(({ to }) => signedDistance(to, number) < 0);
  }
}

/** Steps from `from` to `to`, -2^31 … 2^31 - 1. */
function signedDistance(from: number, to: number): number {
  return (to - from) | 0;
}
