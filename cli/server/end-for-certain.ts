import { setTimeout as startTimer } from 'node:timers';
import type { Logger, LogOutput } from '../../src/telemetry/index.ts';
import { EXIT } from '../kit/exit-codes.ts';

/** Milliseconds for the last lines of the log to leave. */
export const FLUSHING = 1_000;

export interface EndForCertainOptions {
  readonly logger: Pick<Logger, 'error'>;
  /** Where the logger writes. */
  readonly output: Pick<LogOutput, 'flush'> | undefined;
  /** Milliseconds. */
  readonly timeoutMs: number;
}

/**
 * Ends the process with `EXIT.FAILURE` after a while, whatever the end waits for: everything acknowledged is on disk, so that
 * ending like a crash loses nothing. A process that has nothing left to do ends before.
 */
export function endForCertain({ logger, output, timeoutMs }: EndForCertainOptions): void {
  startTimer(() => {
    logger.error({ timeoutMs }, 'shutting down takes too long; the process ends as it is');
    const flushed = output?.flush(FLUSHING) ?? Promise.resolve();
    void flushed.then(() => process.exit(EXIT.FAILURE));
  }, timeoutMs).unref();
}
