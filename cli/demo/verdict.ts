import { letterOf } from './lines.ts';

/** How what one device received compares with what the other one sent. */
export interface Comparison {
  readonly expected: number;
  readonly received: number;
  readonly lost: number;
  readonly doubled: number;
  readonly outOfOrder: number;
  /** Received, and never sent like this. */
  readonly altered: number;
}

export function compare(lines: readonly string[], received: readonly string[]): Comparison {
  const numberOf = new Map(lines.map((text, index) => [letterOf(index + 1, text), index + 1]));
  const seen = new Set<number>();
  let newest = 0;
  let [doubled, outOfOrder, altered] = [0, 0, 0];
  for (const letter of received) {
    const number = numberOf.get(letter);
    if (number === undefined) altered += 1;
    else if (seen.has(number)) doubled += 1;
    else {
      seen.add(number);
      if (number < newest) outOfOrder += 1;
      newest = Math.max(newest, number);
    }
  }
  const lost = lines.length - seen.size;
  return { expected: lines.length, received: received.length, lost, doubled, outOfOrder, altered };
}

export function isFaultless(comparison: Comparison): boolean {
  const { lost, doubled, outOfOrder, altered } = comparison;
  return lost + doubled + outOfOrder + altered === 0;
}
