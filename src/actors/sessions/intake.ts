import type { LinkPort } from '../../relay-port/relay-port.ts';
import type { Session } from './session.ts';

/** Back-pressure towards senders: whose frames would only pile up in memory is not read for a while. */
export class Intake {
  readonly #links: Pick<LinkPort, 'hold'>;
  readonly #isCongested: (session: Session) => boolean;
  /** Sessions that wait for the disk. */
  readonly #congested = new Set<Session>();

  /** @param isCongested whether so much waits for the disk that nothing more of a session should be read */
  constructor(links: Pick<LinkPort, 'hold'>, isCongested: (session: Session) => boolean) {
    this.#links = links;
    this.#isCongested = isCongested;
  }

  /** Stops reading from the session: its frames wait for an earlier one, or for the disk. */
  hold(session: Session): void {
    if (this.#isCongested(session)) this.#congested.add(session);
    if (!session.held) {
      session.held = true;
      this.#links.hold(session.number, true);
    }
  }

  /** Reads on, unless there is another reason to wait. */
  release(session: Session): void {
    const mayRead = session.waiting === undefined && !this.#congested.has(session);
    if (session.held && mayRead) {
      session.held = false;
      this.#links.hold(session.number, false);
    }
  }

  /** The disk has taken a batch. */
  endOfSlice(): void {
    for (const session of this.#congested) {
      if (!this.#isCongested(session)) {
        this.#congested.delete(session);
        this.release(session);
      }
    }
  }

  /** The session is gone. */
  forget(session: Session): void {
    this.#congested.delete(session);
  }
}
