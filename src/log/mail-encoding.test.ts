import assert from 'node:assert/strict';
import { test } from 'node:test';
import { LogError } from './log-error.ts';
import {
  decodeInboxAdvanced,
  decodeMailPosted,
  encodeInboxAdvanced,
  encodeMailPosted,
  type MailPosted,
} from './mail-encoding.ts';

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
  payload: Buffer.from([0, 1, 255]),
};

test('given a letter with extreme values, when encoded and decoded, then it is the same and the payload is a view', () => {
  const data = encodeMailPosted(letter);
  const decoded = decodeMailPosted(data);
  assert.deepEqual({ ...decoded, payload: Buffer.from(decoded.payload) }, letter);
  assert.equal(decoded.payload.buffer, data.buffer);
});

test('given a letter cut within its fields, when decoded, then it is refused as malformed', () => {
  const data = encodeMailPosted({ ...letter, payload: new Uint8Array(0) });
  for (let length = 0; length < data.length; length++) {
    const cut = data.subarray(0, length);
    assert.throws(
      () => decodeMailPosted(cut),
      (error) => error instanceof LogError && error.code === 'LOG_MALFORMED_EVENT',
    );
  }
});

test('given another version, when decoded, then it is refused as unknown', () => {
  const data = encodeMailPosted(letter);
  data[0] = 2;
  assert.throws(() => decodeMailPosted(data), { code: 'LOG_UNKNOWN_EVENT' });
});

test('given a device id that is empty, too long or not ASCII, when encoded, then it is refused', () => {
  for (const sender of ['', 'x'.repeat(129), 'ä', 'a\n']) {
    assert.throws(() => encodeMailPosted({ ...letter, sender }), { code: 'LOG_INVALID' });
  }
});

test('given mailbox counters, when encoded and decoded, then they are the same', () => {
  const inbox = { confirmed: 0xffff_fffe, next: 0xffff_ffff, received: 2 ** 40 + 1 };
  assert.deepEqual(decodeInboxAdvanced(encodeInboxAdvanced(inbox)), inbox);
});

test('given a number beyond 2^53 in a letter or in counters, when decoded, then it is refused: it would lose digits', () => {
  for (const offset of [8, 16]) {
    const data = encodeMailPosted(letter);
    data.set([0xff, 0xff, 0xff, 0xff, 0, 0, 0x20, 0], offset);
    assert.throws(() => decodeMailPosted(data), { code: 'LOG_MALFORMED_EVENT' });
  }
  const inbox = encodeInboxAdvanced({ confirmed: 0, next: 1, received: 0 });
  inbox[16] = 0xff;
  assert.throws(() => decodeInboxAdvanced(inbox), { code: 'LOG_MALFORMED_EVENT' });
});
