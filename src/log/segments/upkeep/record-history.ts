import type { HistoryCause } from '../../../events/events.ts';
import { STREAMS } from '../../../events/streams.ts';
import type { Clock } from '../../../ports/ports.ts';
import type { EventLog } from '../../event-log.ts';
import { lost } from '../files/loss.ts';

/** Numbers that no device is given in a second: above what one server can store for one device. */
const FASTEST = 2 ** 16;
/** What may have been in a hurry when the backup was made, and the seconds that its clock may be wrong. */
const SLACK_SECONDS = 16;
/** More than that at once nobody catches up with: a mailbox holds far fewer letters. */
const BURST = 2 ** 26;
/** Beyond a burst: numbers a second that a device may have been given day and night. */
const STEADY = 64;
/** Serial numbers tell before from behind over 2^31 of them; a gap must leave room for another one. */
const LARGEST_GAP = 2 ** 30;

/**
 * Numbers that every inbox skips when a history begins, so that none which an earlier one may have given out is given
 * again. It grows with the time since the newest event that the restored log knows: restoring the same backup twice does
 * not give the same numbers. A false alarm right after a stop costs little of the circle of 2^32 numbers.
 *
 * @param ageMs since that event; negative: a clock was wrong; undefined: nobody knows
 */
export function inboxGap(ageMs: number | undefined): number {
  if (ageMs === undefined || ageMs < 0) return BURST;
  const seconds = Math.ceil(ageMs / 1000);
  return Math.min(LARGEST_GAP, Math.min(BURST, FASTEST * (seconds + SLACK_SECONDS)) + STEADY * seconds);
}

/**
 * Makes the beginning of the log's history a fact in it, before anything else happens: mailboxes and read models are
 * folds of the log, and so learn of it. Does nothing when that fact is there.
 *
 * @throws LogError `LOG_LOST` when a log of a version that named no history has lost its facts
 */
export async function recordHistory(
  log: EventLog,
  clock: Clock,
  opened: { readonly cause: HistoryCause; readonly newestAt: number | undefined },
): Promise<void> {
  let known: string | undefined;
  for await (const event of log.readStream(STREAMS.history.stream)) {
    known = STREAMS.history.decode(event).epoch;
  }
  if (known === log.epoch) return;
  if (known === undefined && opened.cause === 'created' && !(await isWhole(log))) {
    throw lost('the log has events and no facts at all');
  }
  const { cause, newestAt } = opened;
  const isFirst = known === undefined && cause === 'created';
  const gap = isFirst ? 0 : inboxGap(newestAt === undefined ? undefined : clock.now() - newestAt);
  const begun = { type: 'history.begun', epoch: log.epoch, cause, gap } as const;
  await log.append([STREAMS.history.append('any', [begun])]);
}

const FIRST_FACTS = [STREAMS.secret, STREAMS.handle, STREAMS.user, STREAMS.device].map(
  ({ category }) => category,
);

/** Every server's log begins with facts: its keys, the first account. Versions that named no history knew no more of it. */
async function isWhole(log: EventLog): Promise<boolean> {
  if (log.headPosition === 0) return true;
  for await (const _ of log.readAll({ categories: FIRST_FACTS })) return true;
  return false;
}
