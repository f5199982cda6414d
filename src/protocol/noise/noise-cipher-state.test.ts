import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '../../../test/kit/seeded-random.ts';
import { sodiumBackend } from '../../crypto/index.ts';
import { toHex, utf8 } from '../bytes.ts';
import { nobleBackend } from '../noble-backend.ts';
import { CipherState } from './noise-cipher-state.ts';

const key = seededRandom('cipher').bytes(32);
const plaintext = utf8('attack at dawn');

for (const backend of [sodiumBackend, nobleBackend]) {
  describe(`given a cipher state on ${backend.name}`, () => {
    test('when a message is refused, then it uses no nonce and the right one is still accepted', () => {
      const sealed = new CipherState(backend, key).encrypt(plaintext);
      const receiver = new CipherState(backend, key);
      for (let index = 0; index < sealed.length; index += 1) {
        const changed = Uint8Array.from(sealed, (byte, i) => (i === index ? byte ^ 1 : byte));
        assert.throws(() => receiver.decrypt(changed), { code: 'NOISE_DECRYPT' });
        assert.equal(receiver.decryptInto(changed, new Uint8Array(64), 0), -1);
      }
      assert.equal(receiver.nonce, 0);
      assert.deepEqual(toHex(receiver.decrypt(sealed)), toHex(plaintext));
      assert.equal(receiver.nonce, 1);
      assert.throws(() => receiver.decrypt(sealed), { code: 'NOISE_DECRYPT' }, 'a replay');
    });

    test('when it works in place, then the bytes are those of the copying way and nothing else is touched', () => {
      for (const length of [0, 1, 300, 16_383, 16_384, 65_519]) {
        const text = seededRandom(`text ${length}`).bytes(length);
        const buffer = new Uint8Array(length + 26).fill(0xaa);
        buffer.set(text, 5);
        new CipherState(backend, key, 7).encryptInPlace(buffer, 5, length);
        const sealed = new CipherState(backend, key, 7).encrypt(text);
        assert.deepEqual(toHex(buffer.subarray(5, 5 + length + 16)), toHex(sealed));
        const opened = new CipherState(backend, key, 7).decryptInto(
          buffer.subarray(5, 5 + length + 16),
          buffer,
          5,
        );
        assert.equal(opened, length);
        assert.deepEqual(toHex(buffer.subarray(5, 5 + length)), toHex(text));
        assert.deepEqual([...buffer.subarray(0, 5), ...buffer.subarray(length + 21)], Array(10).fill(0xaa));
      }
    });

    test('when the nonce passes 2^32, then all its bytes count', () => {
      const high = new CipherState(backend, key, 2 ** 32).encrypt(plaintext);
      const nonce = Uint8Array.of(0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0);
      assert.deepEqual(toHex(high), toHex(backend.aeadSeal(key, nonce, new Uint8Array(0), plaintext)));
    });

    test('when the last nonce is used up, then every call is refused', () => {
      const last = Number.MAX_SAFE_INTEGER - 1;
      const sender = new CipherState(backend, key, last);
      const receiver = new CipherState(backend, key, last);
      const sealed = sender.encrypt(plaintext);
      assert.deepEqual(toHex(receiver.decrypt(sealed)), toHex(plaintext));
      assert.throws(() => sender.encrypt(plaintext), { code: 'NOISE_EXHAUSTED' });
      assert.throws(() => sender.encryptInPlace(new Uint8Array(64), 0, 1), { code: 'NOISE_EXHAUSTED' });
      assert.throws(() => receiver.decrypt(sealed), { code: 'NOISE_EXHAUSTED' });
      assert.throws(() => receiver.decryptInto(sealed, new Uint8Array(64), 0), { code: 'NOISE_EXHAUSTED' });
    });

    test('when the caller erases its key, also one in a Buffer, then the cipher keeps its own', () => {
      const theirs = Buffer.from(key);
      const cipher = new CipherState(backend, theirs);
      theirs.fill(0);
      assert.deepEqual(
        toHex(cipher.encrypt(plaintext)),
        toHex(new CipherState(backend, key).encrypt(plaintext)),
      );
    });

    test('when it is destroyed, then it encrypts nothing any more', () => {
      const cipher = new CipherState(backend, key);
      cipher.destroy();
      assert.throws(() => cipher.encrypt(plaintext), { code: 'NOISE_ORDER' });
      assert.throws(() => cipher.decrypt(new Uint8Array(16)), { code: 'NOISE_ORDER' });
    });
  });
}
