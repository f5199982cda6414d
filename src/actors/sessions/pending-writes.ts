import type { Clock } from '../../ports/ports.ts';
import type { LinkPort } from '../../relay-port/relay-port.ts';
import type { Session } from './session.ts';

/** Sessions for which something is queued: each of them is written once, at the end of a batch or of the turn. */
export class PendingWrites {
  readonly #links: Pick<LinkPort, 'flush'>;
  readonly #clock: Pick<Clock, 'soon'>;
  #dirty: Session[] = [];
  #scheduled = false;

  constructor(links: Pick<LinkPort, 'flush'>, clock: Pick<Clock, 'soon'>) {
    this.#links = links;
    this.#clock = clock;
  }

  /** Called once per session and write: `Session.markDirty` sees to that. */
  readonly add = (session: Session): void => {
    this.#dirty.push(session);
    if (!this.#scheduled) {
      this.#scheduled = true;
      this.#clock.soon(this.flush);
    }
  };

  /** Everything that is queued leaves now. */
  readonly flush = (): void => {
    this.#scheduled = false;
    const dirty = this.#dirty;
    this.#dirty = [];
    for (const session of dirty) {
      session.dirty = false;
      this.#links.flush(session.number, session.outbox?.takeMark() ?? 0);
    }
  };
}
