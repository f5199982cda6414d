import { decodeFact, encodeFact } from '../../src/events/fact-encoding.ts';
import {
  decodeInboxAdvanced,
  decodeMailPosted,
  encodeInboxAdvanced,
  encodeMailPosted,
} from '../../src/events/mail-encoding.ts';
import { FACT_VERSIONS } from '../../src/events/upcasters.ts';
import { RECORD_HEADER } from '../../src/log/append-check.ts';
import { LogError } from '../../src/log/log-error.ts';
import { BatchReader, recordedEvent } from '../../src/log/segments/files/batch-reader.ts';
import {
  BATCH_HEADER,
  contentIsWhole,
  decodeBatchHeader,
  decodeSegmentHeader,
  encodeSegmentHeader,
  NO_HASH,
  sealBatch,
} from '../../src/log/segments/files/format.ts';
import { attempt, must, mustEqual } from '../oracles.ts';
import type { FuzzTarget } from '../target.ts';

const FACTS = Object.keys(FACT_VERSIONS);

function refusedByTheLog(error: unknown): void {
  must(error instanceof LogError, 'the log refuses with LogError');
}

/** The input as content of a batch with correct checksums, so that its records are really read. */
function checkBatch(content: Uint8Array): void {
  const bytes = Buffer.concat([Buffer.alloc(BATCH_HEADER), content]);
  sealBatch(bytes, { firstPosition: 5, lastPosition: 9, records: 3, recordedAt: 1 }, NO_HASH);
  const header = decodeBatchHeader(bytes);
  must(header !== undefined && contentIsWhole(bytes, header), 'what was sealed is whole');
  if (header === undefined) return;
  const reader = new BatchReader(bytes, header);
  const { value: records, error } = attempt(() => {
    let count = 0;
    for (; reader.next(); count++) {
      const { data, stream, type } = recordedEvent(reader);
      must(data.length <= content.length, 'data lies inside the batch');
      must(typeof stream === 'string' && typeof type === 'string', 'names are resolved');
    }
    return count;
  });
  if (error !== undefined) refusedByTheLog(error);
  else must((records ?? 0) * RECORD_HEADER <= content.length, 'no more records than bytes');
}

/** The input as the bytes on disk. */
function checkHeaders(bytes: Buffer): void {
  const header = decodeBatchHeader(bytes);
  if (header !== undefined) contentIsWhole(bytes, header);
  const segment = decodeSegmentHeader(bytes);
  if (segment !== undefined) {
    mustEqual(decodeSegmentHeader(encodeSegmentHeader(segment)), segment, 'segment header');
  }
}

function checkMail(bytes: Uint8Array): void {
  const { value: mail, error } = attempt(() => decodeMailPosted(bytes));
  if (mail === undefined) {
    refusedByTheLog(error);
    return;
  }
  const { value: written, error: refusal } = attempt(() => encodeMailPosted(mail));
  // A name that no writer would have written is read, but not written again.
  if (written === undefined) {
    refusedByTheLog(refusal);
    return;
  }
  const again = decodeMailPosted(written);
  mustEqual({ ...again, payload: [...again.payload] }, { ...mail, payload: [...mail.payload] }, 'a letter');
}

function checkInbox(bytes: Uint8Array): void {
  const { value: inbox, error } = attempt(() => decodeInboxAdvanced(bytes));
  if (inbox === undefined) {
    refusedByTheLog(error);
    return;
  }
  if (Number.isSafeInteger(inbox.received)) {
    mustEqual(decodeInboxAdvanced(encodeInboxAdvanced(inbox)), inbox, 'inbox');
  }
}

function checkFact(bytes: Uint8Array): void {
  const type = FACTS[(bytes[0] ?? 0) % FACTS.length] ?? '';
  const { value: fact, error } = attempt(() => decodeFact({ type, data: bytes.subarray(1) }));
  if (fact === undefined) {
    refusedByTheLog(error);
    return;
  }
  mustEqual(fact.type, type, 'the type is that of the record, whatever the data say');
  mustEqual(
    decodeFact({ type, data: encodeFact(fact).data }),
    fact,
    'a fact is the same after writing and reading',
  );
}

function record(kind: number, id: number, type: number, data: Uint8Array): Buffer {
  const bytes = Buffer.alloc(RECORD_HEADER);
  bytes.writeUInt32LE(RECORD_HEADER + data.length, 0);
  bytes.writeUInt16LE(id, 14);
  bytes.writeUInt16LE(type, 16);
  bytes.writeUInt16LE(kind, 18);
  return Buffer.concat([bytes, data]);
}

function mail(): Uint8Array {
  const recipients = [{ device: 'b', inboxNumber: 4 }];
  const fields = {
    sender: 'a',
    senderSequence: 9,
    resumable: true,
    frameType: 6,
    channel: 3,
    expiresAt: 8,
    recipients,
  };
  return encodeMailPosted({ ...fields, refused: [], fact: undefined, payload: Buffer.from('text') });
}

export const target: FuzzTarget = {
  name: 'log',
  about:
    'event log: records of a batch, headers, letters, inboxes, facts: only LogError, inside the bytes, round trip',
  maxLength: 1024,
  form: 'bytes',
  seeds: () => [
    Buffer.concat([
      Buffer.of(0),
      record(1, 0, 0, Buffer.from('mail-1')),
      record(1, 1, 0, Buffer.from('mail.posted')),
      record(0, 0, 1, mail()),
      record(2, 0, 0, Buffer.alloc(0)),
    ]),
    Buffer.concat([
      Buffer.of(1),
      encodeSegmentHeader({
        family: 'mail',
        compacted: false,
        number: 1,
        contentEnd: 2,
        firstPosition: 3,
        createdAt: 4,
        chain: NO_HASH,
        chainEnd: NO_HASH,
      }),
    ]),
    Buffer.concat([Buffer.of(2), mail()]),
    Buffer.concat([
      Buffer.of(3),
      encodeInboxAdvanced({ confirmed: 1, next: 3, received: 2, refused: [], missed: 0, expired: undefined }),
    ]),
    ...FACTS.map((_, index) =>
      Buffer.concat([Buffer.of(4, index), Buffer.from('{"v":1,"type":"x","device":"d"}')]),
    ),
  ],
  run(data) {
    const body = Buffer.from(data.subarray(1));
    switch ((data[0] ?? 0) % 5) {
      case 0:
        checkBatch(body);
        break;
      case 1:
        checkHeaders(body);
        break;
      case 2:
        checkMail(body);
        break;
      case 3:
        checkInbox(body);
        break;
      default:
        checkFact(body);
    }
  },
};
