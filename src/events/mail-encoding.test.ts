import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogError } from '../log/log-error.ts';
import {
  decodeInboxAdvanced,
  decodeMailFrame,
  decodeMailPosted,
  EncodedNames,
  encodeInboxAdvanced,
  encodeMailPosted,
  type MailPosted,
} from './mail-encoding.ts';
import { STREAMS } from './streams.ts';

const letter: MailPosted = {
  sender: 'device-a',
  senderSequence: Number.MAX_SAFE_INTEGER,
  resumable: true,
  frameType: 0x0105,
  channel: 0xffff_ffff,
  expiresAt: 4_999_999_999,
  recipients: [
    { device: 'b', inboxNumber: 0 },
    { device: 'c'.repeat(128), inboxNumber: 0xffff_ffff },
  ],
  refused: [],
  fact: undefined,
  payload: Buffer.from([0, 1, 255]),
};

test('given a letter with extreme values, when encoded and decoded, then it is the same and the payload is a view', () => {
  const data = encodeMailPosted(letter);
  const decoded = decodeMailPosted(data);
  assert.deepEqual({ ...decoded, payload: Buffer.from(decoded.payload) }, letter);
  assert.equal(decoded.payload.buffer, data.buffer);
});

test('given a letter cut within its fields, when decoded, then it is refused as malformed', () => {
  for (const decode of [decodeMailPosted, decodeMailFrame]) {
    const data = encodeMailPosted({ ...letter, payload: new Uint8Array(0) });
    for (let length = 0; length < data.length; length++) {
      const cut = data.subarray(0, length);
      assert.throws(
        () => decode(cut),
        (error) => error instanceof LogError && error.code === 'LOG_MALFORMED_EVENT',
      );
    }
  }
});

test('given another version, when decoded, then it is refused as unknown', () => {
  const data = encodeMailPosted(letter);
  data[0] = 3;
  assert.throws(() => decodeMailPosted(data), { code: 'LOG_UNKNOWN_EVENT' });
});

test('given a device id that is empty, too long or not ASCII, when encoded, then it is refused', () => {
  for (const sender of ['', 'x'.repeat(129), 'ä', 'a\n']) {
    assert.throws(() => encodeMailPosted({ ...letter, sender }), { code: 'LOG_INVALID' });
  }
});

test('given names that are encoded once, when letters to all of them or all but one are encoded, then they are the same as those that are encoded one by one', () => {
  const devices = ['a', 'b'.repeat(128), 'cc', 'd'];
  const names = new EncodedNames(devices);
  for (const without of [-1, 0, 1, 2, 3]) {
    for (const content of [letter, { ...letter, ...EXTRAS }]) {
      let next = 0xffff_fff0;
      const numbers = devices.map((_, index) => (index === without ? 0 : next++));
      const recipients = devices
        .map((device, index) => ({ device, inboxNumber: numbers[index] ?? 0 }))
        .filter((_, index) => index !== without);
      const asked: number[] = [];
      const data = names.encode(content, without, (index) => {
        asked.push(index);
        return numbers[index] ?? 0;
      });
      assert.deepEqual(data, encodeMailPosted({ ...content, recipients }));
      assert.equal(asked.length, recipients.length);
      const { channel, frameType, payload } = content;
      assert.deepEqual(
        { ...decodeMailFrame(data), payload: Buffer.from(decodeMailFrame(data).payload) },
        { channel, frameType, payload },
      );
    }
  }
});

test('given names of which one cannot be encoded, when they are encoded once, then that is refused', () => {
  for (const device of ['', 'x'.repeat(129), 'ä', 'a\n']) {
    assert.throws(() => new EncodedNames(['a', device]), { code: 'LOG_INVALID' });
  }
});

test('given mailbox counters, when encoded and decoded, then they are the same', () => {
  const inbox = {
    confirmed: 0xffff_fffe,
    next: 0xffff_ffff,
    received: 2 ** 40 + 1,
    refused: [],
    missed: 0,
    expired: undefined,
  };
  assert.deepEqual(decodeInboxAdvanced(encodeInboxAdvanced(inbox)), inbox);
});

test('given a number beyond 2^53 in a letter or in counters, when decoded, then it is refused: it would lose digits', () => {
  for (const offset of [8, 16]) {
    const data = encodeMailPosted(letter);
    data.set([0xff, 0xff, 0xff, 0xff, 0, 0, 0x20, 0], offset);
    assert.throws(() => decodeMailPosted(data), { code: 'LOG_MALFORMED_EVENT' });
  }
  const inbox = encodeInboxAdvanced({
    confirmed: 0,
    next: 1,
    received: 0,
    refused: [],
    missed: 0,
    expired: undefined,
  });
  inbox[16] = 0xff;
  assert.throws(() => decodeInboxAdvanced(inbox), { code: 'LOG_MALFORMED_EVENT' });
});

const EXTRAS = {
  refused: [
    { sequence: 0xffff_ffff, error: 'mailbox_full' },
    { sequence: 0, error: 'unknown_channel' },
  ],
  fact: {
    stream: STREAMS.group.stream('ä'),
    expected: 7,
    events: [
      { type: 'group.ended', data: new Uint8Array([1, 2, 255]) },
      { type: 'group.member_left', data: new Uint8Array(0) },
    ],
  },
} as const;

test('given a letter that carries refusals and a fact, when encoded and decoded, then it is the same', () => {
  const rich = { ...letter, ...EXTRAS };
  const decoded = decodeMailPosted(encodeMailPosted(rich));
  assert.deepEqual({ ...decoded, payload: Buffer.from(decoded.payload) }, rich);
});

test('given counters with refusals and missed frames, when encoded and decoded, then they are the same', () => {
  const inbox = { confirmed: 1, next: 2, received: 3, refused: EXTRAS.refused, missed: 4, expired: 7 };
  assert.deepEqual(decodeInboxAdvanced(encodeInboxAdvanced(inbox)), inbox);
});

test('given a letter that carries nothing, when encoded, then it has the bytes that older versions read and wrote', () => {
  const plain = { ...letter, sender: 'a', recipients: [{ device: 'b', inboxNumber: 1 }], senderSequence: 2 };
  const older = '01010501ffffffff0200000000000000fff1052a01000000010001610162010000000001ff';
  assert.equal(Buffer.from(encodeMailPosted(plain)).toString('hex'), older);
  assert.deepEqual(decodeMailPosted(Buffer.from(older, 'hex')).refused, []);
});

test('given counters as older versions wrote them, when decoded, then nothing was refused or missed', () => {
  const older = Buffer.from('0101000000020000000300000000000000', 'hex');
  assert.deepEqual(decodeInboxAdvanced(older), {
    confirmed: 1,
    next: 2,
    received: 3,
    refused: [],
    missed: 0,
    expired: undefined,
  });
});

test('given extras that are cut or of another shape, when decoded, then they are refused as malformed', () => {
  const data = encodeMailPosted({ ...letter, ...EXTRAS, payload: new Uint8Array(0) });
  for (let length = 0; length < data.length; length++) {
    assert.throws(() => decodeMailPosted(data.subarray(0, length)), { code: 'LOG_MALFORMED_EVENT' });
  }
  const counters = encodeInboxAdvanced({
    confirmed: 1,
    next: 2,
    received: 3,
    refused: [],
    missed: 0,
    expired: undefined,
  });
  for (const text of [
    '',
    '[]',
    '{"refused":[[-1,"x"]]}',
    '{"refused":[[1,2]]}',
    '{"missed":1.5}',
    '{"fact":{}}',
  ]) {
    const inbox = Buffer.concat([counters, Buffer.from(text)]);
    inbox[0] = 2;
    assert.throws(() => decodeInboxAdvanced(inbox), { code: 'LOG_MALFORMED_EVENT' }, text);
  }
});
