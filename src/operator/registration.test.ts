import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { ed25519 } from '@noble/curves/ed25519.js';
import * as fc from 'fast-check';
import { type AccountView, type Claim, decideAccount } from '../actors/accounts/account-decider.ts';
import { sodiumBackend as backend } from '../crypto/index.ts';
import { concatBytes, toHex, u32le, u64le, utf8 } from '../protocol/bytes.ts';
import { HandshakeMessageError, parseHello } from '../protocol/control/index.ts';
import { type ProofStatement, verifyDeviceKeyProof } from '../protocol/identity/proof.ts';
import type { JsonObject, JsonValue } from '../protocol/json/json.ts';
import { LIMITS } from '../protocol/limits.ts';
import { parseRegistration, RegistrationError } from './registration.ts';

const { Point } = ed25519;
const KEY = toHex(Point.BASE.multiply(7n).toBytes());
const NOBODY: AccountView = { device: undefined, owner: undefined, named: undefined, settled: false };
const OPEN = { autoApprove: true, maxAutoDevices: 0, profileChangesPerHour: 1, domain: 'relay.test' };

/** What a server without accounts says to a device that has these names: its form, then who may come in. */
function helloTakes(user: JsonObject, device_id: JsonValue, device_public: JsonValue): boolean {
  const zkp = { commitment: KEY, response: KEY };
  const form = { pattern: 'XK', handshake: '', client_static: KEY, zkp, user, device_id, device_public };
  try {
    const hello = parseHello(form);
    const { deviceId, user: hints } = hello;
    const { id: userId, ...names } = hints;
    const keys = { devicePublic: toHex(hello.devicePublic), clientStatic: toHex(hello.clientStatic) };
    const claim: Claim = { deviceId, ...keys, userId, ...names, certificate: undefined };
    return decideAccount(claim, NOBODY, OPEN, 0, 'new').ok;
  } catch (error) {
    if (error instanceof HandshakeMessageError) return false;
    throw error;
  }
}

function registerTakes(value: JsonObject): boolean {
  try {
    parseRegistration(value);
    return true;
  } catch (error) {
    if (error instanceof RegistrationError && error.code === 'REGISTRATION_INVALID') return false;
    throw error;
  }
}

const at = (limit: number): fc.Arbitrary<string> =>
  fc.integer({ min: limit - 1, max: limit + 1 }).map((length) => 'x'.repeat(length));
const handles = fc.oneof(
  fc.constantFrom(
    'alice',
    '',
    ' ',
    'a b',
    'a@b',
    'a\u200db',
    '\u0430lice',
    'Jose\u0301',
    '\ud800',
    '\u0301a',
  ),
  fc.string({ unit: 'grapheme', maxLength: 70 }),
  fc.string({ unit: 'binary', maxLength: 6 }),
  at(LIMITS.HANDLE_MAX),
  // 64 units before they are composed, fewer behind it; and one that grows when it is.
  fc.constantFrom('e\u0301'.repeat(32), 'e\u0301'.repeat(33), '\u0958'.repeat(33)),
);
const deviceIds = fc.oneof(
  fc.constantFrom('phone', '', 'a b', 'a@b', 'a\n', '\u00e9', '\u007f', '~', '!'),
  fc.string({ maxLength: 10 }),
  at(LIMITS.DEVICE_ID_MAX),
);
const hex = fc.oneof(
  fc.constantFrom(
    KEY,
    KEY.toUpperCase(),
    `${KEY}00`,
    KEY.slice(2),
    KEY.slice(1),
    `${KEY.slice(2)}zz`,
    '',
    ` ${KEY}`,
  ),
  fc.string({ maxLength: 64 }),
);
const names = (limit: number): fc.Arbitrary<JsonValue> =>
  fc.oneof(fc.string({ unit: 'binary' }), at(limit), fc.constantFrom<JsonValue>(null, 5, true, []));

describe('given what an operator registers', () => {
  test('then it is taken exactly when a HELLO with the same names is', () => {
    const verdicts = { true: 0, false: 0 };
    const profile = fc.record(
      { display_name: names(LIMITS.DISPLAY_NAME_MAX), avatar_url: names(LIMITS.AVATAR_URL_MAX) },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(handles, profile, deviceIds, hex, (handle, rest, device_id, device_public) => {
        const user = { handle, ...rest } as JsonObject;
        const taken = registerTakes({ ...user, device_id, device_public });
        assert.equal(taken, helloTakes(user, device_id, device_public));
        verdicts[`${taken}`] += 1;
      }),
      { numRuns: 3000 },
    );
    assert.ok(verdicts.true > 30 && verdicts.false > 30, JSON.stringify(verdicts));
  });

  test('then a device id and its key go together, and the fault is named', () => {
    const fault = (value: JsonObject): string => {
      try {
        parseRegistration(value);
      } catch (error) {
        if (error instanceof RegistrationError) return error.message;
      }
      return 'taken';
    };
    const device = { device_id: 'phone', device_public: KEY };
    assert.equal(fault({ handle: 'alice', ...device }), 'taken');
    assert.equal(fault({ handle: 'alice', device_id: null, device_public: null }), 'taken');
    assert.match(fault({ handle: 'alice', device_id: 'phone' }), /go together/);
    assert.match(fault({ handle: 'alice', device_public: KEY }), /go together/);
    assert.match(fault({ ...device }), /^handle: expected/);
    assert.match(fault({ handle: 'alice', ...device, device_id: '' }), /^device_id: expected/);
    assert.match(
      fault({ handle: 'alice', ...device, device_public: '00' }),
      /^device_public: expected 64 hex/,
    );
    assert.match(fault({ handle: 'alice', display_name: 'x'.repeat(257) }), /^display_name: longer than 256/);
  });
});

const STATEMENT = { domain: 'relay.test', deviceId: 'phone', clientStatic: new Uint8Array(32).fill(9) };

/** c of PROTOCOL.md 3.7. */
function challenge(
  { domain, deviceId, devicePublic, clientStatic }: ProofStatement,
  commitment: Uint8Array,
): bigint {
  const label = utf8('commucat:zkp:handshake:v1');
  const texts = [utf8(domain), utf8(deviceId)].flatMap((text) => [u32le(text.length), text]);
  const context = concatBytes(label, ...texts, devicePublic, clientStatic);
  const digest = backend.blake3(
    concatBytes(label, u64le(context.length), context, devicePublic, commitment),
    64,
  );
  return BigInt(`0x${toHex(digest.toReversed())}`) % Point.Fn.ORDER;
}

/**
 * A proof whose equation holds for x·B plus any point of small order: commitments are tried until the challenge is a multiple
 * of eight, so that the point of small order drops out.
 */
function forge(
  devicePublic: Uint8Array,
  x: bigint,
): ProofStatement & { proof: { commitment: Uint8Array; response: Uint8Array } } {
  const statement = { ...STATEMENT, devicePublic };
  for (let r = 1n; ; r += 1n) {
    const commitment = Point.BASE.multiply(r).toBytes();
    const c = challenge(statement, commitment);
    if (c % 8n === 0n) {
      return { ...statement, proof: { commitment, response: Point.Fn.toBytes(Point.Fn.create(r + c * x)) } };
    }
  }
}

describe('given keys that no device can have', () => {
  const X = 12_345n;
  const honest = Point.BASE.multiply(X);
  const order8 = Point.fromHex('26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05');
  const small = [1, 2, 3, 4, 5, 6, 7].map((n) => order8.multiplyUnsafe(BigInt(n)));
  const bytesOf = (digits: string): Uint8Array => Uint8Array.from(Buffer.from(digits, 'hex'));
  const wrong: readonly (readonly [string, Uint8Array, bigint])[] = [
    ['all zero', new Uint8Array(32), 0n],
    ['the identity', Point.ZERO.toBytes(), 0n],
    ...small.map((point, i) => [`of small order (${i + 1})`, point.toBytes(), 0n] as const),
    ...small.map((point, i) => [`with a torsion part (${i + 1})`, honest.add(point).toBytes(), X] as const),
    ['not canonical: y = p', bytesOf(`ed${'ff'.repeat(30)}7f`), 0n],
    ['not canonical: y = p + 1', bytesOf(`ee${'ff'.repeat(30)}7f`), 0n],
    ['not canonical: the sign of zero', bytesOf(`01${'00'.repeat(30)}80`), 0n],
    ['of no point', bytesOf(`02${'00'.repeat(31)}`), 0n],
    ['all ones', new Uint8Array(32).fill(255), 0n],
  ];

  test('then the forgery is one: with a key that a device can have, the very same steps give a proof', () => {
    assert.equal(verifyDeviceKeyProof(backend, forge(honest.toBytes(), X)), true);
    assert.ok(registerTakes({ handle: 'alice', device_id: 'phone', device_public: toHex(honest.toBytes()) }));
  });

  for (const [name, key, x] of wrong) {
    test(`when a key is ${name}, then neither HELLO nor register takes it`, () => {
      assert.equal(verifyDeviceKeyProof(backend, forge(key, x)), false);
      assert.throws(
        () => parseRegistration({ handle: 'alice', device_id: 'phone', device_public: toHex(key) }),
        {
          code: 'REGISTRATION_INVALID',
          message: /^device_public: (all zero is no key|no Ed25519 public key)/,
        },
      );
    });
  }
});
