import type { EventLog } from '../log/event-log.ts';
import type { SessionClosed, SessionOpened } from '../log/events.ts';
import { encodeFact } from '../log/fact-encoding.ts';
import type { RelayEvents } from './relay-events.ts';

/** The journal of sessions: stream `session-<hash of the token>`. */
export class SessionJournal {
  readonly #log: EventLog;
  readonly #events: RelayEvents;

  constructor(log: EventLog, events: RelayEvents) {
    this.#log = log;
    this.#events = events;
  }

  /** Resolves when it is durable. */
  opened(id: string, event: SessionOpened): Promise<void> {
    return this.#append(id, event);
  }

  /** Nobody waits for it. */
  closed(id: string, device: string, reason: string): void {
    this.#append(id, { type: 'session.closed', device, reason }).catch((error: unknown) => {
      this.#events.failed('session.closed', error);
    });
  }

  async #append(id: string, event: SessionOpened | SessionClosed): Promise<void> {
    await this.#log.append([{ stream: `session-${id}`, expected: 'any', events: [encodeFact(event)] }]);
  }
}
