/** The bytes of segment and batch headers; `docs/log-format.md` is the page to read first. Integers are little-endian. */
import { createHash } from 'node:crypto';
import { crc32 } from 'node:zlib';
import { RETENTION_CLASSES, type RetentionClass } from '../../retention.ts';

export const FORMAT_VERSION = 1;
export const SEGMENT_MAGIC = 0x47534343; // 'CCSG'
export const BATCH_MAGIC = 0x54424343; // 'CCBT'
export const SEGMENT_HEADER = 128;
export const BATCH_HEADER = 104;
export const HASH_LENGTH = 32;
/** What a hash chain starts from. */
export const NO_HASH: Buffer = Buffer.alloc(HASH_LENGTH);

/** A record is an event, the definition of a name used in the batch, or the last revision of a stream without live events. */
export const RECORD_EVENT = 0;
export const RECORD_NAME = 1;
export const RECORD_HEAD = 2;

const TWO_32 = 0x1_0000_0000;

export interface SegmentHeader {
  readonly version: number;
  readonly family: RetentionClass;
  /** A compacted segment ends exactly at `contentEnd` and stands for a chain that ended in `chainEnd`. */
  readonly compacted: boolean;
  readonly number: number;
  readonly contentEnd: number;
  /** Position of the first event that the segment had when it was written. */
  readonly firstPosition: number;
  readonly createdAt: number;
  /** Hash of the last batch before this segment. */
  readonly chain: Buffer;
  readonly chainEnd: Buffer;
}

export interface BatchHeader {
  /** Header and content. */
  readonly length: number;
  readonly firstPosition: number;
  readonly lastPosition: number;
  readonly records: number;
  readonly recordedAt: number;
  readonly contentCrc: number;
  readonly previousHash: Buffer;
  readonly hash: Buffer;
}

export function encodeSegmentHeader(header: Omit<SegmentHeader, 'version'>): Buffer {
  const bytes = Buffer.alloc(SEGMENT_HEADER);
  bytes.writeUInt32LE(SEGMENT_MAGIC, 0);
  bytes.writeUInt16LE(FORMAT_VERSION, 4);
  bytes[6] = RETENTION_CLASSES.indexOf(header.family);
  bytes[7] = header.compacted ? 1 : 0;
  bytes.writeUInt32LE(header.number, 8);
  bytes.writeUInt32LE(header.contentEnd, 12);
  writeUint53(bytes, 16, header.firstPosition);
  writeUint53(bytes, 24, header.createdAt);
  bytes.set(header.chain, 32);
  bytes.set(header.chainEnd, 64);
  bytes.writeUInt32LE(crc32(bytes.subarray(0, SEGMENT_HEADER - 4)), SEGMENT_HEADER - 4);
  return bytes;
}

/** Undefined when the bytes are no segment header. A header of another version comes back with its version. */
export function decodeSegmentHeader(bytes: Buffer): SegmentHeader | undefined {
  if (bytes.length < SEGMENT_HEADER || bytes.readUInt32LE(0) !== SEGMENT_MAGIC) return undefined;
  const crcAt = SEGMENT_HEADER - 4;
  if (crc32(bytes.subarray(0, crcAt)) !== bytes.readUInt32LE(crcAt)) return undefined;
  const family = RETENTION_CLASSES[bytes.readUInt8(6)];
  if (family === undefined) return undefined;
  return {
    version: bytes.readUInt16LE(4),
    family,
    compacted: bytes[7] === 1,
    number: bytes.readUInt32LE(8),
    contentEnd: bytes.readUInt32LE(12),
    firstPosition: readUint53(bytes, 16),
    createdAt: readUint53(bytes, 24),
    chain: Buffer.from(bytes.subarray(32, 64)),
    chainEnd: Buffer.from(bytes.subarray(64, 96)),
  };
}

export interface BatchFacts {
  readonly firstPosition: number;
  readonly lastPosition: number;
  readonly records: number;
  readonly recordedAt: number;
}

/**
 * Fills in the header of a batch whose content stands behind it already.
 *
 * @returns the hash of the batch: SHA-256 over the hash before it, its facts and its content.
 */
export function sealBatch(bytes: Buffer, facts: BatchFacts, previousHash: Buffer): Buffer {
  bytes.writeUInt32LE(BATCH_MAGIC, 0);
  bytes.writeUInt32LE(bytes.length, 4);
  writeUint53(bytes, 8, facts.firstPosition);
  bytes.writeUInt32LE(facts.lastPosition - facts.firstPosition, 16);
  bytes.writeUInt32LE(facts.records, 20);
  writeUint53(bytes, 24, facts.recordedAt);
  bytes.writeUInt32LE(crc32(bytes.subarray(BATCH_HEADER)), 32);
  bytes.set(previousHash, 40);
  const hash = batchHash(bytes);
  bytes.set(hash, 72);
  bytes.writeUInt32LE(headerCrc(bytes), 36);
  return hash;
}

/** What the hash field of a sealed batch must be. */
export function batchHash(bytes: Buffer): Buffer {
  const hash = createHash('sha256');
  return hash
    .update(bytes.subarray(40, 72))
    .update(bytes.subarray(4, 36))
    .update(bytes.subarray(BATCH_HEADER))
    .digest();
}

/** Undefined when the bytes are no batch header. The hashes are views. */
export function decodeBatchHeader(bytes: Buffer): BatchHeader | undefined {
  if (bytes.length < BATCH_HEADER || bytes.readUInt32LE(0) !== BATCH_MAGIC) return undefined;
  if (headerCrc(bytes) !== bytes.readUInt32LE(36)) return undefined;
  const length = bytes.readUInt32LE(4);
  if (length < BATCH_HEADER) return undefined;
  const firstPosition = readUint53(bytes, 8);
  return {
    length,
    firstPosition,
    lastPosition: firstPosition + bytes.readUInt32LE(16),
    records: bytes.readUInt32LE(20),
    recordedAt: readUint53(bytes, 24),
    contentCrc: bytes.readUInt32LE(32),
    previousHash: bytes.subarray(40, 72),
    hash: bytes.subarray(72, 104),
  };
}

/** `bytes` are header and content. */
export function contentIsWhole(bytes: Buffer, header: BatchHeader): boolean {
  return crc32(bytes.subarray(BATCH_HEADER, header.length)) === header.contentCrc;
}

function headerCrc(bytes: Buffer): number {
  return crc32(bytes.subarray(40, BATCH_HEADER), crc32(bytes.subarray(0, 36)));
}

function writeUint53(into: Buffer, offset: number, value: number): void {
  const high = Math.floor(value / TWO_32);
  into.writeUInt32LE(value - high * TWO_32, offset);
  into.writeUInt32LE(high, offset + 4);
}

function readUint53(from: Buffer, offset: number): number {
  return from.readUInt32LE(offset) + from.readUInt32LE(offset + 4) * TWO_32;
}
