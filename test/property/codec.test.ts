import assert from 'node:assert/strict';
import { test } from 'node:test';
import * as fc from 'fast-check';
import { sodiumBackend } from '../../src/crypto/index.ts';
import {
  parseAck,
  parseCallAnswer,
  parseCallEnd,
  parseCallOffer,
  parseCallStats,
  parseCallTransportUpdate,
  parseHello,
  parseJoin,
  parsePresence,
} from '../../src/protocol/control/index.ts';
import { CommuCatError } from '../../src/protocol/frames/errors.ts';
import { encodeFrame, type Frame, frameLength } from '../../src/protocol/frames/frame.ts';
import { FrameDecoder } from '../../src/protocol/frames/frame-decoder.ts';
import { FRAME, FRAME_TYPES } from '../../src/protocol/frames/frame-types.ts';
import { certificateFromJson } from '../../src/protocol/identity/certificate.ts';
import { type JsonValue, parseJson, stringifyJson } from '../../src/protocol/json/json.ts';
import { LIMITS } from '../../src/protocol/limits.ts';
import { CipherState } from '../../src/protocol/noise/noise-cipher-state.ts';
import { RecordOpener, RecordSealer } from '../../src/protocol/noise/record.ts';

const numRuns = Number(process.env.COMMUCAT_PROPERTY_RUNS ?? 300);
/** Bytes that a decoder may keep besides the frame or record that it waits for: one chunk. */
const CHUNK = 2_000;

const uint32 = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffff_ffff }), fc.constant(0xffff_ffff));
const type = fc.constantFrom(
  ...Object.values(FRAME).filter((code) => FRAME_TYPES[code]?.payload === 'opaque'),
);
const frame = fc.record({
  type,
  channel: uint32,
  sequence: uint32,
  payload: fc.uint8Array({ maxLength: 400 }),
});
const cuts = fc.array(fc.integer({ min: 1, max: 60 }), { minLength: 1, maxLength: 40 });
/** Bytes that look like the protocol now and then. */
const hostile = fc.oneof(
  fc.uint8Array({ maxLength: 600 }),
  fc.tuple(frame, fc.nat(500), fc.nat(255)).map(([{ type: code, channel, sequence, payload }, at, byte]) => {
    const bytes = encodeFrame(code, channel, sequence, payload);
    bytes[at % bytes.length] = byte;
    return bytes;
  }),
);

/** Cuts into chunks of these lengths, over and over. */
function chunks(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = [];
  for (let from = 0, index = 0; from < bytes.length; index += 1) {
    const length = lengths[index % lengths.length] ?? 1;
    pieces.push(bytes.subarray(from, from + length));
    from += length;
  }
  return pieces;
}

function drain(decoder: FrameDecoder): Frame[] {
  const frames: Frame[] = [];
  for (let next = decoder.next(); next !== undefined; next = decoder.next()) frames.push(next);
  return frames;
}

/** Runs it; the only error that may come is one of our own, with a code. */
function onlyOwnErrors(run: () => void): boolean {
  try {
    run();
    return true;
  } catch (error) {
    assert.ok(error instanceof CommuCatError, `${String(error)}\n${(error as Error).stack}`);
    return false;
  }
}

function cipherPair(): [CipherState, CipherState] {
  const key = new Uint8Array(32).fill(3);
  return [new CipherState(sodiumBackend, key), new CipherState(sodiumBackend, key)];
}

function seal(sealer: RecordSealer, plaintext: Uint8Array): Uint8Array {
  const buffer = new Uint8Array(3 + plaintext.length + 16);
  buffer.set(plaintext, 3);
  sealer.seal(buffer, 3, plaintext.length);
  return buffer.slice(sealer.start, sealer.end);
}

test('given frames cut anywhere, when decoded, then they are what was encoded', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 12 }), cuts, (frames, lengths) => {
      const encoded = frames.map((one) => encodeFrame(one.type, one.channel, one.sequence, one.payload));
      for (const [index, one] of frames.entries()) {
        assert.equal(encoded[index]?.length, frameLength(one.channel, one.sequence, one.payload.length));
      }
      const decoder = new FrameDecoder();
      const decoded: Frame[] = [];
      for (const chunk of chunks(Buffer.concat(encoded), lengths)) {
        decoder.push(chunk);
        decoded.push(...drain(decoder));
      }
      assert.equal(decoder.buffered, 0);
      assert.deepEqual(
        decoded.map((one) => ({ ...one, payload: [...one.payload] })),
        frames.map((one) => ({ ...one, payload: [...one.payload] })),
      );
    }),
    { numRuns },
  );
});

test('given any bytes, when decoded as frames, then frames or a FrameError come, and no more is kept than the limit', () => {
  fc.assert(
    fc.property(fc.array(hostile, { maxLength: 8 }), cuts, (parts, lengths) => {
      const maxFrameLength = 1_000;
      const decoder = new FrameDecoder({ maxFrameLength });
      for (const chunk of chunks(Buffer.concat(parts), lengths)) {
        const intact = onlyOwnErrors(() => {
          decoder.push(chunk);
          drain(decoder);
        });
        assert.ok(decoder.buffered <= maxFrameLength + CHUNK);
        if (!intact) return;
      }
    }),
    { numRuns },
  );
});

test('given frames cut over records and records cut over chunks, when opened, then the frames are the same', () => {
  fc.assert(
    fc.property(fc.array(frame, { maxLength: 8 }), cuts, cuts, (frames, recordCuts, chunkCuts) => {
      const [sealing, opening] = cipherPair();
      const sealer = new RecordSealer(sealing);
      const plain = Buffer.concat(
        frames.map((one) => encodeFrame(one.type, one.channel, one.sequence, one.payload)),
      );
      const records = chunks(plain, recordCuts).map((part) => seal(sealer, part));
      const opener = new RecordOpener(opening);
      const decoder = new FrameDecoder();
      const decoded: Frame[] = [];
      for (const chunk of chunks(Buffer.concat([...records, seal(sealer, new Uint8Array())]), chunkCuts)) {
        opener.push(chunk);
        for (let part = opener.next(); part !== undefined; part = opener.next()) {
          decoder.push(part);
          decoded.push(...drain(decoder));
        }
      }
      assert.deepEqual(
        decoded.map((one) => [one.type, one.channel, one.sequence, Buffer.from(one.payload).toString('hex')]),
        frames.map((one) => [one.type, one.channel, one.sequence, Buffer.from(one.payload).toString('hex')]),
      );
    }),
    { numRuns },
  );
});

test('given any bytes, or records with one byte changed, when opened, then nothing but a RecordError comes', () => {
  const [sealing] = cipherPair();
  const record = seal(new RecordSealer(sealing), new Uint8Array(200).fill(7));
  const bent = fc.tuple(fc.nat(record.length - 1), fc.integer({ min: 1, max: 255 })).map(([at, flip]) => {
    const bytes = record.slice();
    bytes[at] = (bytes[at] ?? 0) ^ flip;
    return bytes;
  });
  fc.assert(
    fc.property(fc.oneof(fc.uint8Array({ maxLength: 600 }), bent), cuts, (bytes, lengths) => {
      const [, opening] = cipherPair();
      const opener = new RecordOpener(opening);
      for (const chunk of chunks(bytes, lengths)) {
        const intact = onlyOwnErrors(() => {
          opener.push(chunk);
          assert.equal(opener.next(), undefined, 'nothing authenticates that was not sealed');
        });
        if (!intact) return;
      }
    }),
    { numRuns },
  );
});

const anyText = fc.oneof(
  fc.json({ depthSize: 'large' }).map((text) => Buffer.from(text)),
  fc.uint8Array({ maxLength: 200 }),
  fc.tuple(fc.json(), fc.nat(100), fc.nat(255)).map(([text, at, byte]) => {
    const bytes = Buffer.from(text);
    bytes[at % Math.max(1, bytes.length)] = byte;
    return bytes;
  }),
);

test('given any text, when parsed as JSON, then a value comes that survives writing, or an own error', () => {
  fc.assert(
    fc.property(anyText, (bytes) => {
      onlyOwnErrors(() => {
        const value = parseJson(bytes);
        assert.deepEqual(parseJson(Buffer.from(stringifyJson(value))), value);
      });
    }),
    { numRuns: numRuns * 3 },
  );
});

test('given arrays nested ever deeper, when parsed, then the limit holds and the stack too', () => {
  const nested = (depth: number): Uint8Array => Buffer.from('['.repeat(depth) + ']'.repeat(depth));
  assert.ok(Array.isArray(parseJson(nested(LIMITS.MAX_JSON_DEPTH))));
  for (const depth of [LIMITS.MAX_JSON_DEPTH + 1, 100_000]) {
    assert.equal(
      onlyOwnErrors(() => parseJson(nested(depth))),
      false,
    );
  }
});

const PARSERS: readonly (readonly [string, (value: JsonValue) => unknown])[] = [
  ['parseHello', parseHello],
  ['parseJoin', parseJoin],
  ['parseAck', parseAck],
  ['parsePresence', parsePresence],
  ['parseCallOffer', parseCallOffer],
  ['parseCallAnswer', parseCallAnswer],
  ['parseCallEnd', parseCallEnd],
  ['parseCallStats', parseCallStats],
  ['parseCallTransportUpdate', parseCallTransportUpdate],
  ['certificateFromJson', certificateFromJson],
];
const KEYS = [
  'pattern',
  'device_id',
  'handshake',
  'client_static',
  'device_public',
  'zkp',
  'commitment',
  'response',
  'supported_versions',
  'user',
  'members',
  'group_id',
  'call_id',
  'from',
  'to',
  'media',
  'audio',
  'video',
  'transport',
  'candidates',
  'codec',
  'bitrate',
  'serial',
  'signature',
  'issuer',
  'ack',
  'state',
  'update',
  'accept',
  '__proto__',
  'constructor',
] as const;
const leaf = fc.oneof(
  fc.constant(null),
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.string(),
  fc.constantFrom('XK', 'opus', 'vp8', 'candidate', 'send', 'hangup', '00'.repeat(32)),
);
const { value: shaped } = fc.letrec<{ value: JsonValue }>((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    leaf,
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(fc.constantFrom(...KEYS), tie('value'), { maxKeys: 8 }),
  ) as fc.Arbitrary<JsonValue>,
}));

for (const [name, parse] of PARSERS) {
  test(`given any JSON, when ${name} reads it, then a structure or an own error comes, and no prototype changes`, () => {
    fc.assert(
      fc.property(shaped, (value) => {
        onlyOwnErrors(() => parse(parseJson(Buffer.from(JSON.stringify(value)))));
        assert.equal(Object.keys(Object.prototype).length, 0);
      }),
      { numRuns },
    );
  });
}
