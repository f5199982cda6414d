import { sql, type Transaction } from 'kysely';
import type { InboxAdvanced } from '../../events/mail-encoding.ts';
import { STREAMS } from '../../events/streams.ts';
import type { RecordedEvent } from '../../log/event-log.ts';
import { serialAfter } from '../../protocol/serial.ts';
import type { Projection, ProjectionBatch } from '../engine/projection.ts';
import { chunksOf, columnArrays, timestamp } from '../tables/rows.ts';
import type { InboxOffsetRow, ReadModels, RelayQueueRow } from '../tables/schema.ts';

/**
 * Tables `relay_queue` and `inbox_offset`.
 *
 * The rows are those that the log implies whether or not it still holds what is settled: a letter is in the queue when
 * it was posted, is not expired, and the newest `inbox.advanced` of its recipient does not confirm it. Letters that
 * left the log and superseded `inbox.advanced` events change nothing, nor does the order in which the log, having moved
 * an old letter to a new place, tells of the two.
 */
export const mailProjection: Projection = {
  name: 'mail',
  version: 1,
  tables: ['relay_queue', 'inbox_offset'],
  categories: ['mail', 'inbox'],
  types: ['mail.posted', 'inbox.advanced'],
  batch: () => new MailBatch(),
};

/** What all recipients of a letter share. */
interface LetterFacts {
  readonly stream: string;
  readonly revision: number;
  readonly channel: number;
  readonly frameType: number;
  readonly sender: string;
  readonly payloadBytes: number;
  /** Unix ms. */
  readonly expiresAt: number;
}

/** One mailbox during one batch. */
interface Inbox {
  readonly device: string;
  /** In the order of posting, each with its number at the same index; those before `front` are confirmed. */
  readonly letters: LetterFacts[];
  readonly numbers: number[];
  front: number;
  advanced: InboxAdvanced | undefined;
  advancedAt: number;
}

/** Confirmed entries are cut off an inbox's list when there are this many, so that a busy one stays small. */
const COMPACT_AT = 256;

/**
 * Most letters are confirmed milliseconds after they were posted, both within one batch: they cost a decode and two
 * look-ups and never become a row.
 */
class MailBatch implements ProjectionBatch {
  readonly #byDevice = new Map<string, Inbox>();
  /** The same by the name of the stream, which then need not be cut for each event. */
  readonly #byStream = new Map<string, Inbox>();
  #waiting = 0;

  get held(): number {
    return this.#waiting + this.#byDevice.size;
  }

  add(event: RecordedEvent): void {
    if (STREAMS.mail.has(event.stream)) this.#posted(event);
    else this.#advanced(event);
  }

  #posted(event: RecordedEvent): void {
    const mail = STREAMS.mail.decode(event);
    const letter: LetterFacts = {
      stream: event.stream,
      revision: event.revision,
      channel: mail.channel,
      frameType: mail.frameType,
      sender: mail.sender,
      payloadBytes: mail.payload.length,
      expiresAt: mail.expiresAt * 1000,
    };
    for (const { device, inboxNumber } of mail.recipients) {
      const inbox = this.#inbox(device);
      inbox.letters.push(letter);
      inbox.numbers.push(inboxNumber);
      this.#waiting += 1;
    }
  }

  #advanced(event: RecordedEvent): void {
    const advanced = STREAMS.inbox.decode(event);
    let inbox = this.#byStream.get(event.stream);
    if (inbox === undefined) {
      inbox = this.#inbox(STREAMS.inbox.keyOf(event.stream));
      this.#byStream.set(event.stream, inbox);
    }
    inbox.advanced = advanced;
    inbox.advancedAt = event.recordedAt;
    this.#waiting -= dropConfirmed(inbox, advanced.confirmed);
  }

  #inbox(device: string): Inbox {
    let inbox = this.#byDevice.get(device);
    if (inbox === undefined) {
      inbox = { device, letters: [], numbers: [], front: 0, advanced: undefined, advancedAt: 0 };
      this.#byDevice.set(device, inbox);
    }
    return inbox;
  }

  *#offsets(): Generator<InboxOffsetRow> {
    for (const { device, advanced, advancedAt } of this.#byDevice.values()) {
      if (advanced !== undefined) yield offsetRow(device, advanced, advancedAt);
    }
  }

  *#letters(horizon: number): Generator<RelayQueueRow> {
    for (const { device, letters, numbers, front } of this.#byDevice.values()) {
      for (let at = front; at < letters.length; at += 1) {
        const letter = letters[at];
        const number = numbers[at];
        if (letter === undefined || number === undefined || letter.expiresAt <= horizon) continue;
        yield letterRow(device, number, letter);
      }
    }
  }

  async write(db: Transaction<ReadModels>, horizon: number): Promise<void> {
    for (const chunk of chunksOf(this.#offsets())) {
      await storeOffsets(db, chunk);
      await deleteConfirmed(db, chunk);
    }
    for (const chunk of chunksOf(this.#letters(horizon))) await storeLetters(db, chunk);
    await db.deleteFrom('relay_queue').where('expires_at', '<=', timestamp(horizon)).execute();
  }
}

/** Passes over the letters at the front that are confirmed; returns how many. */
function dropConfirmed(inbox: Inbox, confirmed: number): number {
  const { letters, numbers } = inbox;
  const before = inbox.front;
  let front = before;
  for (let number = numbers[front]; number !== undefined; number = numbers[front]) {
    if (serialAfter(number, confirmed)) break;
    front += 1;
  }
  const dropped = front - before;
  if (front === letters.length || front >= COMPACT_AT) {
    letters.splice(0, front);
    numbers.splice(0, front);
    front = 0;
  }
  inbox.front = front;
  return dropped;
}

function offsetRow(device: string, advanced: InboxAdvanced, at: number): InboxOffsetRow {
  const { confirmed, next, received } = advanced;
  return { device_id: device, confirmed, next, received, updated_at: timestamp(at) };
}

function letterRow(device: string, inboxNumber: number, letter: LetterFacts): RelayQueueRow {
  return {
    device_id: device,
    inbox_number: inboxNumber,
    channel_key: STREAMS.mail.keyOf(letter.stream),
    mail_revision: letter.revision,
    channel_number: letter.channel,
    frame_type: letter.frameType,
    sender: letter.sender,
    payload_bytes: letter.payloadBytes,
    expires_at: timestamp(letter.expiresAt),
  };
}

async function storeOffsets(db: Transaction<ReadModels>, rows: readonly InboxOffsetRow[]): Promise<void> {
  const { names, arrays } = columnArrays('inbox_offset', rows);
  await sql`insert into inbox_offset (${names}) select * from ${arrays}
    on conflict (device_id) do update set confirmed = excluded.confirmed, next = excluded.next,
      received = excluded.received, updated_at = excluded.updated_at`.execute(db);
}

async function deleteConfirmed(db: Transaction<ReadModels>, rows: readonly InboxOffsetRow[]): Promise<void> {
  const devices = rows.map((row) => row.device_id);
  const confirmed = rows.map((row) => row.confirmed);
  await sql`delete from relay_queue q using unnest(${devices}::text[], ${confirmed}::bigint[]) as o (device_id, confirmed)
    where q.device_id = o.device_id and serial_at_or_before(q.inbox_number, o.confirmed)`.execute(db);
}

/** A letter may be told of after its confirmation, or twice: the log moves undelivered letters to newer segments. */
async function storeLetters(db: Transaction<ReadModels>, rows: readonly RelayQueueRow[]): Promise<void> {
  const { names, arrays } = columnArrays('relay_queue', rows);
  await sql`insert into relay_queue (${names})
    select distinct on (l.device_id, l.inbox_number) l.* from ${arrays} as l (${names})
    where not exists (select from inbox_offset o
      where o.device_id = l.device_id and serial_at_or_before(l.inbox_number, o.confirmed))
    on conflict (device_id, inbox_number) do nothing`.execute(db);
}
