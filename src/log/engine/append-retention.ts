import { retentionOf } from '../../events/retention.ts';
import { RESERVED } from '../append-check.ts';
import type { StreamAppend } from '../event-log.ts';
import { LogError } from '../log-error.ts';
import type { RetentionClass } from '../retention.ts';

/**
 * The one retention class of an append.
 *
 * @throws LogError `LOG_INVALID` when it names none, several, or a reserved stream.
 */
export function retentionOfAppend(appends: readonly StreamAppend[]): RetentionClass {
  const [first] = appends;
  if (first === undefined) throw new LogError('LOG_INVALID', 'an append names at least one stream');
  const retention = retentionOf(first.stream);
  for (const append of appends) {
    if (append.stream.length === 0 || append.stream.startsWith(RESERVED)) {
      throw new LogError('LOG_INVALID', `a stream name is not empty and does not start with ${RESERVED}`);
    }
    if (append.events.length === 0) throw new LogError('LOG_INVALID', 'an append holds at least one event');
    if (append !== first && retentionOf(append.stream) !== retention) {
      throw new LogError(
        'LOG_INVALID',
        `${first.stream} and ${append.stream} have different retention classes`,
      );
    }
  }
  return retention;
}
