import { sodiumBackend } from '../../src/crypto/index.ts';
import type { CryptoBackend } from '../../src/protocol/crypto-backend.ts';
import { nobleBackend } from '../../src/protocol/noble-backend.ts';
import { CipherState } from '../../src/protocol/noise/noise-cipher-state.ts';
import { RecordError, RecordOpener, RecordSealer } from '../../src/protocol/noise/record.ts';
import { attempt, chunksOf, must, mustEqual } from '../oracles.ts';
import type { FuzzTarget } from '../target.ts';

/** What many long records show, two show as well. */
const MAX_STREAM = 200_000;
/** Beyond this the portable backend only costs time. */
const MAX_SLOW = 4_000;
const KEY = new Uint8Array(32).fill(7);

interface Opened {
  readonly plaintexts: readonly Uint8Array[];
  readonly error: RecordError['code'] | undefined;
}

/**
 * The input is a script, because random bytes never decrypt. Each step: a byte that says what, a length byte, and for raw
 * bytes the bytes. `sealed` holds the plaintexts that must come out, up to the first step that spoils the stream.
 */
function play(script: Uint8Array): { readonly stream: Uint8Array; readonly sealed: readonly Uint8Array[] } {
  const sealer = new RecordSealer(new CipherState(sodiumBackend, KEY));
  const pieces: Uint8Array[] = [];
  const sealed: Uint8Array[] = [];
  let isSpoiled = false;
  for (let at = 0; at < script.length; ) {
    const what = (script[at] ?? 0) % 8;
    const length = script[at + 1] ?? 0;
    at += 2;
    if (what === 7) {
      pieces.push(script.slice(at, at + length));
      isSpoiled ||= length > 0;
      at += length;
      continue;
    }
    const plaintext = new Uint8Array(what === 6 ? length * 256 : length).fill(what + 1);
    const record = seal(sealer, plaintext);
    if (what === 5 && length > 0) {
      const at = record.length - 1 - (length % 16);
      record[at] = (record[at] ?? 0) ^ (1 << (length % 8));
      isSpoiled = true;
    }
    pieces.push(what === 4 ? padded(record, length % 12) : record);
    isSpoiled ||= what === 4 && paddingSpoils(record, length % 12);
    if (!isSpoiled) sealed.push(plaintext);
  }
  return { stream: Buffer.concat(pieces), sealed };
}

function seal(sealer: RecordSealer, plaintext: Uint8Array): Uint8Array {
  const buffer = new Uint8Array(3 + plaintext.length + 16);
  buffer.set(plaintext, 3);
  sealer.seal(buffer, 3, plaintext.length);
  return buffer.slice(sealer.start, sealer.end);
}

function prefixLength(record: Uint8Array): number {
  return record.findIndex((byte) => byte < 0x80) + 1;
}

/** The length prefix spelled with `more` bytes than it needs. */
function padded(record: Uint8Array, more: number): Uint8Array {
  if (more === 0) return record;
  const prefix = Uint8Array.from(record.subarray(0, prefixLength(record)));
  prefix[prefix.length - 1] = (prefix.at(-1) ?? 0) | 0x80;
  const padding = new Uint8Array(more).fill(0x80);
  padding[more - 1] = 0;
  return Buffer.concat([prefix, padding, record.subarray(prefix.length)]);
}

function paddingSpoils(record: Uint8Array, more: number): boolean {
  return prefixLength(record) + more > 10;
}

function open(backend: CryptoBackend, chunks: Iterable<Uint8Array>): Opened {
  const opener = new RecordOpener(new CipherState(backend, KEY));
  const plaintexts: Uint8Array[] = [];
  let error: RecordError | undefined;
  for (const chunk of chunks) {
    const { error: failure } = attempt(() => {
      opener.push(chunk);
      for (let next = opener.next(); next !== undefined; next = opener.next()) plaintexts.push(next);
    });
    if (failure === undefined) continue;
    must(failure instanceof RecordError, 'an opener throws RecordError');
    error ??= failure as RecordError;
    must(failure === error, 'a failed opener throws the same error for ever');
  }
  return { plaintexts: plaintexts.map((plaintext) => Uint8Array.from(plaintext)), error: error?.code };
}

export const target: FuzzTarget = {
  name: 'record',
  about:
    'record layer: what was sealed comes out up to the first fault, chunks and crypto backend mean nothing',
  maxLength: 512,
  form: 'bytes',
  seeds: () => [
    Buffer.of(1, 0, 5, 1, 0, 2, 200, 3, 127),
    Buffer.of(2, 4, 20, 4, 3, 4, 8, 4, 9),
    Buffer.of(3, 0, 9, 5, 3, 0, 9),
    Buffer.of(4, 6, 255, 6, 16, 0, 1),
    Buffer.of(5, 0, 9, 7, 4, 0xff, 0xff, 0x7f, 1),
    Buffer.of(
      6,
      7,
      3,
      15,
      1,
      2,
      7,
      12,
      0x80,
      0x80,
      0x80,
      0x80,
      0x80,
      0x80,
      0x80,
      0x80,
      0x80,
      0x80,
      0x80,
      0x80,
    ),
  ],
  run(data) {
    const [seed = 0] = data;
    const { stream, sealed } = play(data.subarray(1));
    if (stream.length > MAX_STREAM) return;
    const whole = open(sodiumBackend, [stream]);
    mustEqual(whole.plaintexts.slice(0, sealed.length), sealed, 'records before the fault are whole');
    mustEqual(open(sodiumBackend, chunksOf(stream, seed)), whole, 'where chunks end means nothing');
    if (stream.length > MAX_SLOW) return;
    mustEqual(open(nobleBackend, [stream]), whole, 'both backends agree');
  },
};
