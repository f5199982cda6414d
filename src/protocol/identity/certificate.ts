import { CommuCatError } from '../../ports/commucat-error.ts';
import { equalBytes, fromHex, toHex } from '../bytes.ts';
import { CRYPTO_LENGTHS, type CryptoBackend, type Ed25519Signer } from '../crypto-backend.ts';
import { LEAF, membersOf } from '../json/json-shape.ts';
import { isJsonObject, type JsonObject, type JsonValue } from '../json/json-value.ts';
import { encodeJson } from '../json/json-writer.ts';

/** Seconds since the Unix epoch: a number up to 2^53-1, a bigint beyond, so that all of i64 keeps its digits. */
export type CertificateTime = number | bigint;

/** What the authority states about a device (PROTOCOL.md "Device certificate"). */
export interface CertificateFields {
  /** 0 … 2^64-1. */
  readonly serial: bigint;
  readonly userId: string;
  readonly deviceId: string;
  /** Ed25519 public key of the device, 32 bytes. */
  readonly publicKey: Uint8Array;
  readonly issuedAt: CertificateTime;
  readonly expiresAt: CertificateTime;
}

/** What the server's device authority says about a device (PROTOCOL.md 3.8). */
export interface DeviceCertificate extends CertificateFields {
  /** Ed25519 public key of the authority, 32 bytes. */
  readonly issuer: Uint8Array;
  /** 64 bytes. */
  readonly signature: Uint8Array;
}

/** A value is not a certificate. */
export class CertificateError extends CommuCatError {
  constructor(message: string, options?: { cause?: unknown }) {
    super('CERTIFICATE_INVALID', message, options);
    this.name = 'CertificateError';
  }
}

const MAX_U64 = 0xffff_ffff_ffff_ffffn;
const MAX_I64 = 0x7fff_ffff_ffff_ffffn;

/** How far the clock of an authority may be ahead of ours, in seconds. */
const CLOCK_TOLERANCE = 300;

/** The seven signed fields in the order in which they are signed; key order matters here. */
function signedFields(certificate: Omit<DeviceCertificate, 'signature'>): JsonObject {
  return {
    serial: certificate.serial,
    user_id: certificate.userId,
    device_id: certificate.deviceId,
    public_key: toHex(certificate.publicKey),
    issuer: toHex(certificate.issuer),
    issued_at: certificate.issuedAt,
    expires_at: certificate.expiresAt,
  };
}

/** The bytes that the authority signs: compact JSON, lower-case hex, fields in a fixed order. */
export function certificateMessage(certificate: Omit<DeviceCertificate, 'signature'>): Uint8Array {
  return encodeJson(signedFields(certificate));
}

/**
 * Signs a certificate.
 *
 * @param authority signs under `deriveAuthorityKey(…).privateKey`
 * @throws CertificateError if a field is out of its range
 */
export function issueCertificate(authority: Ed25519Signer, fields: CertificateFields): DeviceCertificate {
  if (fields.publicKey.length !== CRYPTO_LENGTHS.KEY) throw new CertificateError('public_key has 32 bytes');
  const unsigned = {
    serial: integerIn('serial', fields.serial, 0n, MAX_U64),
    userId: fields.userId,
    deviceId: fields.deviceId,
    publicKey: fields.publicKey,
    issuer: authority.publicKey,
    issuedAt: timeIn('issued_at', fields.issuedAt),
    expiresAt: timeIn('expires_at', fields.expiresAt),
  };
  return { ...unsigned, signature: authority.sign(certificateMessage(unsigned)) };
}

/**
 * True if `authority` (Ed25519 public key) issued and signed the certificate. Times are a separate question:
 * `certificateValidity`.
 */
export function verifyCertificate(
  backend: CryptoBackend,
  certificate: DeviceCertificate,
  authority: Uint8Array,
): boolean {
  if (!equalBytes(certificate.issuer, authority)) return false;
  return backend.ed25519Verify(authority, certificateMessage(certificate), certificate.signature);
}

/** How the dates of a certificate stand to a clock. */
export type CertificateValidity = 'valid' | 'expired' | 'not_yet_valid' | 'never_valid';

/** Whether the times of a certificate allow its use at `now` (Unix seconds); 300 s of clock difference are tolerated. */
export function certificateValidity(certificate: CertificateFields, now: number): CertificateValidity {
  if (certificate.issuedAt >= certificate.expiresAt) return 'never_valid';
  if (certificate.expiresAt <= now) return 'expired';
  if (certificate.issuedAt > now + CLOCK_TOLERANCE) return 'not_yet_valid';
  return 'valid';
}

/** Whether more than half of a certificate's life is over at `now` (Unix seconds): time to send a new one. */
export function isRenewalDue(certificate: CertificateFields, now: number): boolean {
  return now - Number(certificate.issuedAt) > Number(certificate.expiresAt) - now;
}

/** What `certificateFromJson` looks at. */
export const CERTIFICATE_SHAPE = membersOf({
  serial: LEAF,
  user_id: LEAF,
  device_id: LEAF,
  public_key: LEAF,
  issuer: LEAF,
  issued_at: LEAF,
  expires_at: LEAF,
  signature: LEAF,
});

/**
 * The certificate in a parsed JSON value; unknown keys are ignored, hex digits may have either case.
 *
 * @param value from `parseJson`, which keeps integers beyond 2^53 exact and marks `1.0` as no integer
 * @throws CertificateError that names the field
 */
export function certificateFromJson(value: unknown): DeviceCertificate {
  if (!isJsonObject(value)) throw new CertificateError('a certificate is an object');
  return {
    serial: integerIn('serial', value.serial, 0n, MAX_U64),
    userId: stringOf('user_id', value.user_id),
    deviceId: stringOf('device_id', value.device_id),
    publicKey: hexOf('public_key', value.public_key, CRYPTO_LENGTHS.KEY),
    issuer: hexOf('issuer', value.issuer, CRYPTO_LENGTHS.KEY),
    issuedAt: timeIn('issued_at', value.issued_at),
    expiresAt: timeIn('expires_at', value.expires_at),
    signature: hexOf('signature', value.signature, CRYPTO_LENGTHS.SIGNATURE),
  };
}

/** The JSON form, for `stringifyJson`: signed fields first, then the signature. The serial is a bigint. */
export function certificateToJson(certificate: DeviceCertificate): JsonObject {
  return { ...signedFields(certificate), signature: toHex(certificate.signature) };
}

function stringOf(field: string, value: JsonValue | undefined): string {
  if (typeof value !== 'string') throw new CertificateError(`${field} is a string`);
  return value;
}

function integerIn(field: string, value: JsonValue | undefined, min: bigint, max: bigint): bigint {
  const integer = typeof value === 'number' && Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof integer !== 'bigint' || integer < min || integer > max) {
    throw new CertificateError(`${field} is an integer from ${min} to ${max}`);
  }
  return integer;
}

function timeIn(field: string, value: JsonValue | undefined): CertificateTime {
  const time = integerIn(field, value, -MAX_I64 - 1n, MAX_I64);
  return Number.isSafeInteger(Number(time)) ? Number(time) : time;
}

function hexOf(field: string, value: JsonValue | undefined, length: number): Uint8Array {
  const text = stringOf(field, value);
  if (text.length !== 2 * length) throw new CertificateError(`${field} has ${2 * length} hex digits`);
  try {
    return fromHex(text);
  } catch (cause) {
    throw new CertificateError(`${field} is not hex`, { cause });
  }
}
