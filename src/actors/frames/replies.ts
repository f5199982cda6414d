import type { Post } from '../../delivery/post.ts';
import { errorPayload } from '../../protocol/frames/errors.ts';
import type { Frame } from '../../protocol/frames/frame.ts';
import { FRAME, frameTypeOf } from '../../protocol/frames/frame-types.ts';
import type { JsonInput } from '../../protocol/json/json-writer.ts';
import type { LinkPort } from '../../relay-port/relay-port.ts';
import type { RelayEvents } from '../runtime/relay-events.ts';
import type { Refusal } from '../sessions/refusal.ts';
import type { Session, SessionReplies } from '../sessions/session.ts';
import { AckWriter, acknowledgement } from './acknowledgement.ts';

/** Answers frames, each by ACK or by ERROR on its channel. */
export class Replies implements SessionReplies {
  readonly #links: Pick<LinkPort, 'send'>;
  readonly #events: Pick<RelayEvents, 'frameRefused' | 'limitReached' | 'storedForNobody'>;
  readonly #ack = new AckWriter();

  constructor(
    links: Pick<LinkPort, 'send'>,
    events: Pick<RelayEvents, 'frameRefused' | 'limitReached' | 'storedForNobody'>,
  ) {
    this.#links = links;
    this.#events = events;
  }

  /** @param fields what the ACK says beyond the number */
  acknowledge(
    session: Session,
    { channel, sequence }: Pick<Frame, 'channel' | 'sequence'>,
    fields?: Readonly<Record<string, JsonInput>>,
  ): void {
    const payload = fields === undefined ? this.#ack.write(sequence) : acknowledgement(sequence, fields);
    this.#send(session, FRAME.ACK, channel, payload);
  }

  /** A durable frame is in the log, for this many devices. PROTOCOL.md 5.7, 7.5. */
  posted(
    session: Session,
    { channel, sequence, missing }: Post,
    stored: number,
    fields?: Readonly<Record<string, JsonInput>>,
  ): void {
    if (stored === 0) this.#events.storedForNobody();
    const told = session.isTold ? stored : undefined;
    if (fields === undefined && missing === 0) {
      this.#send(session, FRAME.ACK, channel, this.#ack.write(sequence, told));
    } else {
      const notStored = missing === 0 ? undefined : missing;
      this.acknowledge(session, { channel, sequence }, { ...fields, stored: told, not_stored: notStored });
    }
  }

  /**
   * Answers a frame by ERROR. A durable one is thereby refused for good, unless it is the log that refuses it: then a session
   * that resumes is over, because its later frames must not overtake this one. The client resumes from what the log has.
   */
  refuse(session: Session, frame: Pick<Frame, 'type' | 'channel' | 'sequence'>, refusal: Refusal): void {
    const { error, fields, limit, message } = refusal;
    if (limit !== undefined) this.#events.limitReached(limit);
    if (!session.open) return;
    const { type, channel, sequence } = frame;
    const isResumed = session.resumes && frameTypeOf(type)?.durable === true;
    if (isResumed && error !== 'storage') session.mailbox.lane.refuse(sequence, error);
    this.#send(session, FRAME.ERROR, channel, errorPayload(error, message, { ack: sequence, ...fields }));
    this.#events.frameRefused(error);
    if (isResumed && error === 'storage') {
      session.end('storage_unavailable', 'the log takes no frames at the moment');
    }
  }

  #send(session: Session, type: number, channel: number, payload: Uint8Array): void {
    if (session.open) {
      this.#links.send(session.number, type, channel, session.nextControlSequence(), payload);
      session.markDirty();
    }
  }
}
