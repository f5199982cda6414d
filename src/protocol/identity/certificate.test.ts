import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { seededRandom } from '../../../test/kit/seeded-random.ts';
import { sodiumBackend } from '../../crypto/index.ts';
import { isJsonObject, parseJsonText, stringifyJson } from '../json/json.ts';
import { nobleBackend } from '../noble-backend.ts';
import {
  CertificateError,
  certificateFromJson,
  certificateToJson,
  certificateValidity,
  type DeviceCertificate,
  isRenewalDue,
  issueCertificate,
  verifyCertificate,
} from './certificate.ts';
import { deriveAuthorityKey, deriveDeviceKey } from './keys.ts';

const DAY = 86_400;
const authority = deriveAuthorityKey(sodiumBackend, seededRandom('authority').bytes(32));
const other = deriveAuthorityKey(sodiumBackend, seededRandom('other').bytes(32));
const device = deriveDeviceKey(sodiumBackend, seededRandom('device').bytes(32));
const fields = {
  serial: 2n ** 64n - 1n,
  userId: 'user "1"\n\u2028é',
  deviceId: 'device-1',
  publicKey: device.publicKey,
  issuedAt: 1_700_000_000,
  expiresAt: 1_700_000_000 + 30 * DAY,
};
const certificate = issueCertificate(sodiumBackend.ed25519Signer(authority.privateKey), fields);

describe('given a certificate of the authority', () => {
  test('when it goes through JSON text, then no digit is lost and it verifies on both backends', () => {
    const read = certificateFromJson(parseJsonText(stringifyJson(certificateToJson(certificate))));
    assert.equal(read.serial, fields.serial);
    for (const backend of [sodiumBackend, nobleBackend]) {
      assert.equal(verifyCertificate(backend, read, authority.publicKey), true);
      assert.equal(verifyCertificate(backend, read, other.publicKey), false);
    }
  });

  test('when any field is changed, then it does not verify', () => {
    const changes: ReadonlyArray<Partial<DeviceCertificate>> = [
      { serial: fields.serial - 1n },
      { userId: 'user' },
      { deviceId: 'device-2' },
      { publicKey: other.publicKey },
      { issuer: other.publicKey },
      { issuedAt: fields.issuedAt + 1 },
      { expiresAt: fields.expiresAt + 1 },
      { signature: new Uint8Array(64) },
    ];
    for (const change of changes) {
      assert.equal(
        verifyCertificate(sodiumBackend, { ...certificate, ...change }, authority.publicKey),
        false,
      );
    }
    const self = { ...certificate, issuer: other.publicKey };
    assert.equal(verifyCertificate(sodiumBackend, self, other.publicKey), false);
  });

  test('when a field of its JSON is missing or of another type, then the field is named', () => {
    const json = parseJsonText(stringifyJson(certificateToJson(certificate)));
    assert.ok(isJsonObject(json));
    for (const field of Object.keys(json)) {
      for (const value of [undefined, null, true, 1.5, -1e300, {}, '', 'zz'.repeat(32)]) {
        if (typeof value === 'string' && (field === 'user_id' || field === 'device_id')) continue;
        const read = () => certificateFromJson({ ...json, [field]: value });
        assert.throws(read, (error) => error instanceof CertificateError && error.message.startsWith(field));
      }
    }
    assert.throws(() => certificateFromJson([json]), CertificateError);
  });

  test('when numbers are written as floats, then they are refused', () => {
    const json = stringifyJson(certificateToJson(certificate));
    for (const float of ['1700000000.0', '1.7e9', '-0']) {
      const changed = json.replace('1700000000', float);
      assert.throws(() => certificateFromJson(parseJsonText(changed)), /issued_at/);
    }
  });

  test('when time passes, then it is valid until it expires, and renewed in its second half', () => {
    const { issuedAt, expiresAt } = fields;
    assert.equal(certificateValidity(certificate, issuedAt - 301), 'not_yet_valid');
    assert.equal(certificateValidity(certificate, issuedAt - 300), 'valid');
    assert.equal(certificateValidity(certificate, expiresAt - 1), 'valid');
    assert.equal(certificateValidity(certificate, expiresAt), 'expired');
    assert.equal(isRenewalDue(certificate, issuedAt + 15 * DAY), false);
    assert.equal(isRenewalDue(certificate, issuedAt + 15 * DAY + 1), true);
    const never = { ...fields, expiresAt: issuedAt };
    assert.equal(certificateValidity(never, issuedAt - 10), 'never_valid');
    const extreme = { ...fields, issuedAt: -(2n ** 63n), expiresAt: 2n ** 63n - 1n };
    assert.equal(certificateValidity(extreme, issuedAt), 'valid');
  });
});

test('given fields out of range, when a certificate is issued, then it fails', () => {
  const issue = (change: Partial<typeof fields>) =>
    issueCertificate(sodiumBackend.ed25519Signer(authority.privateKey), { ...fields, ...change });
  assert.throws(() => issue({ serial: -1n }), /serial/);
  assert.throws(() => issue({ serial: 2n ** 64n }), /serial/);
  assert.throws(() => issue({ issuedAt: 0.5 }), /issued_at/);
  assert.throws(() => issue({ expiresAt: Number.NaN }), /expires_at/);
  assert.throws(() => issue({ publicKey: new Uint8Array(31) }), /public_key/);
});
