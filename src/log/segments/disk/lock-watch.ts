import type { CancelTimer, Clock } from '../../../ports/ports.ts';
import type { LogLogger } from '../../log-logger.ts';
import type { WriteLock } from './lock.ts';

const INTERVAL_MS = 5000;

/** Looks every few seconds whether the lock is still ours: an idle server makes no files that would make it look. */
export function watchLock(lock: WriteLock, clock: Clock, logger: LogLogger): CancelTimer {
  let cancel: CancelTimer | undefined;
  const next = (): void => {
    cancel = clock.after(INTERVAL_MS, () => void look());
  };
  const look = async (): Promise<void> => {
    try {
      await lock.verify();
    } catch (error) {
      if (lock.lost !== undefined) return;
      logger.warn({ error }, 'cannot look at the lock of the log');
    }
    if (cancel !== undefined) next();
  };
  next();
  return () => {
    cancel?.();
    cancel = undefined;
  };
}
