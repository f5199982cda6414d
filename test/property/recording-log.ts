import type { Appended, StreamAppend } from '../../src/log/event-log.ts';
import { MemoryLog } from '../../src/log/memory/memory-log.ts';
import { systemClock } from '../../src/system/index.ts';
import type { DurableEvent } from '../simulation/disk.ts';

export interface PlacedEvent extends DurableEvent {
  readonly position: number;
}

/** A log in memory that remembers everything that became durable, in its order, whatever is truncated later. */
export class RecordingLog extends MemoryLog {
  readonly history: PlacedEvent[] = [];

  constructor() {
    super(systemClock);
  }

  override async append(appends: readonly StreamAppend[]): Promise<readonly Appended[]> {
    const copies = appends.map(({ stream, events }) => ({
      stream,
      events: events.map(({ type, data }) => ({ type, data: Uint8Array.from(data) })),
    }));
    const appended = await super.append(appends);
    for (const [index, { stream, events }] of copies.entries()) {
      const last = appended[index]?.revision ?? 0;
      for (const [at, { type, data }] of events.entries()) {
        const behind = events.length - 1 - at;
        const position = (appended[index]?.position ?? 0) - behind;
        this.#place({ position, stream, revision: last - behind, type, data });
      }
    }
    return appended;
  }

  /** Appends of different retention classes may be answered in another order than that of their positions. */
  #place(event: PlacedEvent): void {
    let at = this.history.length;
    while (at > 0 && (this.history[at - 1]?.position ?? 0) > event.position) at -= 1;
    this.history.splice(at, 0, event);
  }
}
