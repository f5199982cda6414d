import type { JsonObject, JsonValue } from '../json/json-value.ts';
import { PROTOCOL_VERSION, SUPPORTED_VERSIONS } from '../limits.ts';
import { ownMember } from './decoder.ts';
import { HandshakeMessageError } from './handshake-error.ts';

const OURS = `[${SUPPORTED_VERSIONS.join(', ')}]`;
const MAX_VERSION = 0xffff;

/**
 * The highest common version, PROTOCOL.md 3.4: `supported_versions` decides alone when it is there, else
 * `protocol_version`; without both it is 1. Throws HandshakeMessageError with the reference's texts.
 */
export function negotiateVersion(hello: JsonObject): number {
  const offered = ownMember(hello, 'supported_versions');
  if (offered !== undefined) return highestCommon(offered);
  const single = ownMember(hello, 'protocol_version');
  if (single === undefined) return PROTOCOL_VERSION;
  const version = readVersion(single, 'protocol_version must be an unsigned integer');
  if (SUPPORTED_VERSIONS.includes(version)) return version;
  throw refused(`unsupported protocol version ${version}; supported=${OURS}`);
}

function highestCommon(offered: JsonValue): number {
  if (!Array.isArray(offered)) throw refused('supported_versions must be an array');
  const versions = offered.map((entry: JsonValue) =>
    readVersion(entry, 'supported_versions entries must be unsigned integers'),
  );
  if (versions.length === 0) throw refused('supported_versions cannot be empty');
  const common = SUPPORTED_VERSIONS.find((version) => versions.includes(version));
  if (common !== undefined) return common;
  throw refused(`no common protocol version; peer=[${versions.join(', ')}]; supported=${OURS}`);
}

function readVersion(value: JsonValue, otherwise: string): number {
  const isInteger = typeof value === 'bigint' || (typeof value === 'number' && Number.isInteger(value));
  if (!isInteger || value < 0) throw refused(otherwise);
  if (value > MAX_VERSION) throw refused(`protocol version ${value} out of range`);
  return Number(value);
}

function refused(reason: string): HandshakeMessageError {
  return new HandshakeMessageError(`protocol negotiation failed: ${reason}`, reason);
}
