import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import type { Expectation, Fortress } from './fortress.ts';

const MIB = 1_048_576;
/** Messages that tell how quick the server is when nobody attacks it. */
const AT_REST = 60;
/**
 * Times by which an attack may slow others down: ten are the aim. The attacker works in the same process as the two and on
 * the same processors as the server, and slows them down by itself.
 */
const SLOWER = 40;

export interface Price extends Expectation {
  /** MiB that the attack may leave on the disk. @default 8 */
  readonly disk?: number;
}

/**
 * Runs an attack and holds what it costs others, and what is left of it, against what was before: others are not
 * much slower, the disk has not grown by more than it may, and a server that starts with what the attack has left needs
 * no more memory than the one that was attacked. The figures are printed.
 */
export async function besiege(
  t: TestContext,
  fortress: Fortress,
  attack: () => Promise<void>,
  { disk = 8, growth = 64, counted }: Price,
): Promise<void> {
  const rest = fortress.rounds.length;
  await fortress.talk(AT_REST);
  const calm = fortress.rounds.slice(rest);
  const { resident, stored } = fortress;
  const begun = fortress.rounds.length;
  await fortress.withstand(attack, { counted, growth });
  const busy = fortress.rounds.slice(begun);
  const left = Math.round((fortress.stored - stored) / MIB);
  await fortress.restart();
  const after = Math.round((fortress.resident - resident) / MIB);
  t.diagnostic(
    `others: median ${ratio(busy, calm, 0.5)} x, p99 ${ratio(busy, calm, 0.99)} x of ${calm.length} and ${busy.length} ` +
      `messages; left on the disk ${left} MiB; memory after a restart ${after} MiB more than before`,
  );
  // The median: on a busy machine the slowest of a few messages says more about the machine than about the server.
  assert.ok(ratio(busy, calm, 0.5) <= SLOWER, `others are ${ratio(busy, calm, 0.5)} times slower`);
  assert.ok(left <= disk, `the attack left ${left} MiB on the disk; ${disk} are allowed`);
  assert.ok(after <= growth, `a restarted server needs ${after} MiB more; ${growth} are allowed`);
}

function ratio(busy: readonly number[], calm: readonly number[], share: number): number {
  return Math.round((quantile(busy, share) / quantile(calm, share)) * 10) / 10;
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}
