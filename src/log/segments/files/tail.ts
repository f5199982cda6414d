import type { DiskFile } from '../disk/disk.ts';
import { writeFully } from '../disk/disk.ts';
import { BATCH_HEADER, BATCH_MAGIC, contentIsWhole, decodeBatchHeader } from './format.ts';

const CHUNK = 1024 * 1024;

/** Offset behind the last byte that is not zero, at or behind `from`; `from` when there is none. */
export async function endOfBytes(file: DiskFile, from: number): Promise<number> {
  const chunk = Buffer.allocUnsafeSlow(CHUNK);
  let end = from;
  for (let at = from; ; at += CHUNK) {
    const got = await file.read(chunk, at);
    for (let i = got - 1; i >= 0; i--) {
      if (chunk[i] !== 0) {
        end = at + i + 1;
        break;
      }
    }
    if (got < CHUNK) return end;
  }
}

/** Offset of the first whole batch behind `from`, which proves that what precedes it is damage and no torn tail. */
export async function findBatchBehind(file: DiskFile, from: number): Promise<number | undefined> {
  const magic = Buffer.alloc(4);
  magic.writeUInt32LE(BATCH_MAGIC, 0);
  const chunk = Buffer.allocUnsafeSlow(CHUNK);
  for (let at = from; ; at += CHUNK - BATCH_HEADER) {
    const got = await file.read(chunk, at);
    const bytes = chunk.subarray(0, got);
    for (let i = bytes.indexOf(magic); i >= 0; i = bytes.indexOf(magic, i + 1)) {
      if (await isBatch(file, at + i)) return at + i;
    }
    if (got < CHUNK) return undefined;
  }
}

async function isBatch(file: DiskFile, offset: number): Promise<boolean> {
  const head = Buffer.alloc(BATCH_HEADER);
  if ((await file.read(head, offset)) < BATCH_HEADER) return false;
  const header = decodeBatchHeader(head);
  if (header === undefined) return false;
  const bytes = Buffer.allocUnsafeSlow(header.length);
  return (await file.read(bytes, offset)) === header.length && contentIsWhole(bytes, header);
}

/** Overwrites with zeros and makes that durable: nothing of a torn batch may ever look like a batch again. */
export async function eraseBytes(file: DiskFile, from: number, to: number): Promise<void> {
  const zeros = Buffer.alloc(Math.min(CHUNK, to - from));
  for (let at = from; at < to; at += zeros.length) {
    await writeFully(file, zeros.subarray(0, Math.min(zeros.length, to - at)), at);
  }
  await file.sync();
}
