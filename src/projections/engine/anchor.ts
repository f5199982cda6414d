import { createHash } from 'node:crypto';
import type { EventLog, RecordedEvent } from '../../log/event-log.ts';

/** An event that tells one log from another: what was read at a position once must be there again. */
export interface Anchor {
  readonly position: number;
  /** SHA-256 over everything the event is, hex. */
  readonly hash: string;
}

export function anchorOf({ position, stream, revision, type, data }: RecordedEvent): Anchor {
  const hash = createHash('sha256');
  hash.update(JSON.stringify([position, stream, revision, type]));
  hash.update(data);
  return { position, hash: hash.digest('hex') };
}

/** Why rows do not belong to a log. */
export type Misfit = 'epoch' | 'ahead' | 'anchor';

/**
 * Whether what was read from a log up to `position` is what it holds now; undefined: it is. An anchor that has left the
 * log proves nothing.
 */
export async function misfitOf(
  log: Pick<EventLog, 'epoch' | 'headPosition' | 'readAll'>,
  read: { readonly position: number; readonly epoch: string | null; readonly anchor: Anchor | undefined },
): Promise<Misfit | undefined> {
  if (read.epoch !== null && read.epoch !== log.epoch) return 'epoch';
  if (read.position > log.headPosition) return 'ahead';
  if (read.anchor === undefined) return undefined;
  for await (const event of log.readAll({ after: read.anchor.position - 1 })) {
    if (event.position !== read.anchor.position) return undefined;
    return anchorOf(event).hash === read.anchor.hash ? undefined : 'anchor';
  }
  return undefined;
}
