import assert from 'node:assert/strict';
import type { TestContext } from 'node:test';
import { comesAbout, pause, within } from '../kit/waiting.ts';
import type { Round } from './chat.ts';
import type { Expectation, Fortress } from './fortress.ts';
import { monotonic } from './time.ts';

const MIB = 1_048_576;
/** Messages that tell how quick the server is when nobody attacks it: a p99 of them leaves three out. */
const AT_REST = 300;
/**
 * Times by which an attack may make the median of others' messages slower, and their p99. The promise is ten (docs/threat-model.md, Figures), and that is what a quiet machine shows; here other tests run beside the siege, and of some
 * hundred messages a p99 is the slowest two or three.
 */
const SLOWER = 15;
const SLOWEST = 30;
/** How often the log is measured while an attack goes on, in milliseconds. */
const LOOK_MS = 200;
/** Time after an attack in which memory comes back and what the attack has sent expires, in milliseconds. */
const SETTLE_MS = 4_000;
/** Time in which a server that was attacked gives the disk back, in milliseconds. */
const GIVEN_BACK_MS = 20_000;

export interface Price extends Expectation {
  /** MiB by which the log may grow while the attack goes on. */
  readonly spent: number;
  /** MiB that the attack may leave on the disk, once there was time to give it back. */
  readonly left: number;
  /** What the attack needs: it is paid for in memory and on the disk, but others are not timed meanwhile. */
  readonly prepare?: () => Promise<void>;
}

/**
 * Runs an attack and holds what it costs others, and what is left of it, against what was before: others are not much
 * slower; memory and disk have not grown by more than they may; the disk comes back; and a server that starts with what the
 * attack has left needs no more memory than the one that was attacked. The figures are printed.
 */
export async function besiege(
  t: TestContext,
  fortress: Fortress,
  attack: () => Promise<void>,
  { spent, left, growth = 64, counted, prepare }: Price,
): Promise<void> {
  const calm = await rest(fortress);
  const metrics = await fortress.metrics();
  const { resident, stored } = fortress;
  const grownBy = (bytes: number, before: number): number => Math.round((bytes - before) / MIB);
  await prepare?.();
  const assault = await endure(fortress, attack);
  await Promise.all([fortress.talk(AT_REST), pause(SETTLE_MS)]);
  const settled = fortress.resident;
  await fortress.count(metrics, counted);
  await fortress.restart();
  const later = await rest(fortress);
  const memory = {
    'at most': grownBy(assault.peak, resident),
    afterwards: grownBy(settled, resident),
    'after a restart': grownBy(fortress.resident, resident),
  };
  await comesAbout(() => grownBy(fortress.stored, stored) <= left, within(GIVEN_BACK_MS, LOOK_MS));
  const disk = { 'at most': grownBy(assault.largest, stored), left: grownBy(fortress.stored, stored) };
  // What slows the machine down for a while, or what the attack has left, is no part of its own figure.
  const peace = [...calm, ...later];
  const median = ratio(assault.rounds, peace, 0.5);
  const p99 = ratio(assault.rounds, peace, 0.99);
  const aftermath = ratio(later, calm, 0.5);
  t.diagnostic(
    `others: median ${median} x, p99 ${p99} x (${took(assault.rounds)} instead of ${took(peace)}; ${assault.rounds.length} ` +
      `and ${peace.length} messages); after a restart ${aftermath} x`,
  );
  t.diagnostic(`memory, MiB more: ${said(memory)}; disk, MiB more: ${said(disk)}`);
  assert.ok(median <= SLOWER, `others are ${median} times slower; ${SLOWER} times are allowed`);
  assert.ok(p99 <= SLOWEST, `the p99 of others is ${p99} times slower; ${SLOWEST} times are allowed`);
  assert.ok(aftermath <= SLOWER, `others are ${aftermath} times slower after the attack`);
  for (const [when, grown] of Object.entries(memory)) {
    assert.ok(grown <= growth, `memory has grown by ${grown} MiB ${when}; ${growth} are allowed`);
  }
  assert.ok(disk['at most'] <= spent, `the log grew by ${disk['at most']} MiB; ${spent} are allowed`);
  assert.ok(disk.left <= left, `the attack left ${disk.left} MiB on the disk; ${left} are allowed`);
}

/** Messages that the two exchange while nothing happens. */
async function rest(fortress: Fortress): Promise<readonly Round[]> {
  const begun = fortress.rounds.length;
  await fortress.talk(AT_REST);
  return fortress.rounds.slice(begun);
}

interface Assault {
  /** Messages that were sent while it went on. */
  readonly rounds: readonly Round[];
  /** Of the server's memory, in bytes. */
  readonly peak: number;
  /** What the log took at most, in bytes. */
  readonly largest: number;
}

async function endure(fortress: Fortress, attack: () => Promise<void>): Promise<Assault> {
  let largest = 0;
  const look = (): void => {
    largest = Math.max(largest, fortress.stored);
  };
  const looking = setInterval(look, LOOK_MS);
  const begun = monotonic();
  let ended = 0;
  try {
    const peak = await fortress.peakDuring(async () => {
      await attack();
      ended = monotonic();
    });
    look();
    const rounds = fortress.rounds.filter((round) => round.begun >= begun && round.begun <= ended);
    return { rounds, peak, largest };
  } finally {
    clearInterval(looking);
  }
}

function ratio(busy: readonly Round[], calm: readonly Round[], share: number): number {
  return Math.round((quantile(busy, share) / quantile(calm, share)) * 10) / 10;
}

function quantile(rounds: readonly Round[], share: number): number {
  const sorted = rounds.map(({ took }) => took).sort((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function took(rounds: readonly Round[]): string {
  return `${quantile(rounds, 0.5).toFixed(1)} and ${quantile(rounds, 0.99).toFixed(1)} ms`;
}

function said(figures: Readonly<Record<string, number>>): string {
  return Object.entries(figures)
    .map(([when, figure]) => `${when} ${figure}`)
    .join(', ');
}
