import { createHash } from 'node:crypto';
import { concatBytes, copyBytes, fromHex, toHex, utf8 } from '../../src/protocol/bytes.ts';
import type { CryptoBackend } from '../../src/protocol/crypto-backend.ts';
import { encodeFrame } from '../../src/protocol/frames/frame.ts';
import { FRAME } from '../../src/protocol/frames/frame-types.ts';
import { encodeJson } from '../../src/protocol/json/json.ts';
import { LIMITS } from '../../src/protocol/limits.ts';
import { CipherState } from '../../src/protocol/noise/noise-cipher-state.ts';
import { RecordError, type RecordErrorCode, RecordOpener } from '../../src/protocol/noise/record.ts';
import { material } from './material.ts';
import { sealRecord } from './record-writing.ts';
import { insist, piecesJson, type VectorCase, type VectorFile } from './vector-file.ts';

const KEY = material('record key');
const JOIN = encodeFrame(FRAME.JOIN, 31, 3, encodeJson({ members: ['tabby-phone', 'manx-laptop'] }));
const MESSAGE = encodeFrame(FRAME.MSG, 31, 4, material('a message of the devices', 48));
const TYPING = encodeFrame(FRAME.TYPING, 31, 5, encodeJson({ device: 'tabby-phone', typing: true }));
/** Its length prefix has two bytes. */
const LONG = encodeFrame(FRAME.MSG, 31, 5, material('a longer message', 200));
const NOTHING = new Uint8Array(0);

/** `frames` as they leave the records whose plaintexts are given; `counter` is that of the first record. */
function sealed(
  backend: CryptoBackend,
  name: string,
  frames: readonly Uint8Array[],
  plaintexts: readonly Uint8Array[],
  counter = 0,
): VectorCase {
  insist(toHex(concatBytes(...frames)) === toHex(concatBytes(...plaintexts)), name);
  const cipher = new CipherState(backend, KEY, counter);
  return {
    name,
    op: 'seal',
    key: toHex(KEY),
    counter: String(counter),
    records: plaintexts.map((plaintext) => ({
      plaintext: toHex(plaintext),
      record: toHex(sealRecord(cipher, plaintext)),
    })),
    frames: frames.map((frame) => toHex(frame)),
  };
}

/** The longest record is too long to print: its ends and its digest are given. */
function longest(backend: CryptoBackend): VectorCase {
  const times = LIMITS.MAX_RECORD_PLAINTEXT;
  const record = sealRecord(new CipherState(backend, KEY), new Uint8Array(times).fill(0x4d));
  return {
    name: 'longest record',
    op: 'seal_long',
    key: toHex(KEY),
    counter: '0',
    plaintext: piecesJson([{ repeat: fromHex('4d'), times }]),
    record_length: record.length,
    record_begins: toHex(record.subarray(0, 16)),
    record_ends: toHex(record.subarray(-16)),
    record_sha256: createHash('sha256').update(record).digest('hex'),
  };
}

/** Bytes that a reader accepts although no writer makes them. */
function tolerated(backend: CryptoBackend): VectorCase[] {
  const empty = sealRecord(new CipherState(backend, KEY), NOTHING);
  const spellings = [
    ['length prefix in two bytes', '9000'],
    ['length prefix in ten bytes', '90808080808080808000'],
  ] as const;
  return spellings.map(([name, prefix]) => {
    const bytes = concatBytes(fromHex(prefix), empty.subarray(1));
    insist(open(backend, bytes) === 0, name);
    return { name, op: 'open', key: toHex(KEY), counter: '0', bytes: toHex(bytes), plaintext: '' };
  });
}

function refusals(backend: CryptoBackend): VectorCase[] {
  const cipher = new CipherState(backend, KEY);
  const [first, second] = [sealRecord(cipher, JOIN), sealRecord(cipher, MESSAGE)];
  const withTag = (at: number): Uint8Array => {
    const changed = copyBytes(first);
    changed[at] = (changed[at] ?? 0) ^ 0x80;
    return changed;
  };
  const stranger = sealRecord(new CipherState(backend, material('another record key')), JOIN);
  const cases: ReadonlyArray<readonly [string, Uint8Array, RecordErrorCode]> = [
    ['length zero', fromHex('00'), 'RECORD_LENGTH'],
    ['length 15', fromHex('0f'), 'RECORD_LENGTH'],
    ['length 65536, refused at its last byte', fromHex('808004'), 'RECORD_LENGTH'],
    ['length 2^28', fromHex('8080808001'), 'RECORD_LENGTH'],
    ['length prefix without end', fromHex('90808080808080808080'), 'RECORD_LENGTH'],
    ['first bit of the ciphertext', withTag(1), 'RECORD_DECRYPT'],
    ['last byte of the tag', withTag(first.length - 1), 'RECORD_DECRYPT'],
    ['the second record first', concatBytes(second, first), 'RECORD_DECRYPT'],
    ['a record twice', concatBytes(first, first), 'RECORD_DECRYPT'],
    ['key of another session', stranger, 'RECORD_DECRYPT'],
  ];
  return cases.map(([name, bytes, error]) => {
    insist(open(backend, bytes) === error, name);
    return { name, op: 'refuse', key: toHex(KEY), counter: '0', bytes: toHex(bytes), error };
  });
}

/** Bytes of plaintext in all records, or the error that ends them. */
function open(backend: CryptoBackend, bytes: Uint8Array): number | RecordErrorCode {
  const opener = new RecordOpener(new CipherState(backend, KEY));
  opener.push(bytes);
  let length = 0;
  try {
    for (let plain = opener.next(); plain !== undefined; plain = opener.next()) length += plain.length;
    return length;
  } catch (error) {
    if (error instanceof RecordError) return error.code;
    throw error;
  }
}

export const records: VectorFile = {
  about: 'Records under a given key: frames in one, several and no record, and bytes that end the stream.',
  section: '4',
  cases: (backend) => [
    sealed(backend, 'one frame', [JOIN], [JOIN]),
    sealed(backend, 'a frame in each of three records', [JOIN, MESSAGE, TYPING], [JOIN, MESSAGE, TYPING]),
    sealed(
      backend,
      'three frames in one record',
      [JOIN, MESSAGE, TYPING],
      [concatBytes(JOIN, MESSAGE, TYPING)],
    ),
    sealed(
      backend,
      'a frame over three records, cut in its length prefix and in its payload',
      [LONG],
      [LONG.subarray(0, 1), LONG.subarray(1, 80), LONG.subarray(80)],
    ),
    sealed(
      backend,
      'records that end inside of frames',
      [JOIN, MESSAGE, TYPING],
      [
        concatBytes(JOIN, MESSAGE.subarray(0, 3)),
        concatBytes(MESSAGE.subarray(3), TYPING.subarray(0, 1)),
        TYPING.subarray(1),
      ],
    ),
    sealed(backend, 'an empty record', [], [NOTHING]),
    sealed(
      backend,
      'empty records inside of a frame',
      [JOIN],
      [JOIN.subarray(0, 9), NOTHING, NOTHING, JOIN.subarray(9)],
    ),
    ...[111, 112].map((length) => {
      const frame = encodeFrame(FRAME.MSG, 31, 6, utf8('.'.repeat(length - 5)));
      return sealed(backend, `length prefix around 128: plaintext of ${length} bytes`, [frame], [frame]);
    }),
    sealed(backend, 'counter 255 and 256', [JOIN, MESSAGE], [JOIN, MESSAGE], 255),
    sealed(backend, 'counter 2^32 - 1 and 2^32', [JOIN, MESSAGE], [JOIN, MESSAGE], 4_294_967_295),
    longest(backend),
    ...tolerated(backend),
    ...refusals(backend),
  ],
};
