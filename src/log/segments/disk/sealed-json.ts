import { join } from 'node:path';
import { crc32 } from 'node:zlib';
import { LogError } from '../../log-error.ts';
import { type Disk, type DiskFile, writeFully } from './disk.ts';

/**
 * Small JSON files beside the segments, each with a checksum over its body. A new one is written in full under another
 * name and renamed over the old one, so that a crash leaves either.
 */

export interface SealedJson {
  /** What the file says; its members are not checked. */
  readonly body: unknown;
  readonly file: DiskFile;
}

/**
 * Reads a file and hands its body, and the open file, to `use`; `undefined` when there is no such file.
 *
 * @throws LogError `LOG_CORRUPT` when the checksum does not fit, `LOG_VERSION` when `format` is above `newest`,
 *   `LOG_UNAVAILABLE` when it cannot be read
 */
export async function readSealed<T>(
  disk: Disk,
  directory: string,
  name: string,
  newest: number,
  use: (sealed: SealedJson) => Promise<T> | T,
): Promise<T | undefined> {
  const names = await disk.list(directory);
  if (!names.includes(name)) return undefined;
  const path = join(directory, name);
  const file = await disk.open(path, 'read');
  try {
    const text = await readText(path, file);
    return await use({ body: parse(path, text, newest), file });
  } finally {
    await file.close();
  }
}

/** Writes a file anew; `bodyOf` may look at the file that is being written. Durable when it resolves. */
export async function writeSealed(
  disk: Disk,
  directory: string,
  name: string,
  bodyOf: (file: DiskFile) => Promise<object> | object,
): Promise<void> {
  const path = join(directory, name);
  const temporary = `${path}.tmp`;
  const file = await disk.open(temporary, 'create');
  try {
    const body = JSON.stringify(await bodyOf(file));
    await writeFully(file, Buffer.from(`${JSON.stringify({ crc32: crc32(body), body })}\n`), 0);
    await file.sync();
  } finally {
    await file.close();
  }
  await disk.rename(temporary, path);
  await disk.syncDirectory(directory);
}

/** What goes wrong with an open file does not name it. */
async function readText(path: string, file: DiskFile): Promise<string> {
  try {
    const bytes = Buffer.alloc(await file.size());
    await file.read(bytes, 0);
    return bytes.toString('utf8');
  } catch (cause) {
    throw new LogError('LOG_UNAVAILABLE', `cannot read ${path}`, { cause });
  }
}

function parse(path: string, text: string, newest: number): unknown {
  try {
    const { crc32: crc, body } = JSON.parse(text) as { crc32: number; body: string };
    if (crc32(body) !== crc) throw new Error('checksum');
    const parsed = JSON.parse(body) as { readonly format: number };
    if (parsed.format > newest) {
      throw new LogError('LOG_VERSION', `${path} has format ${parsed.format}: use a newer program`);
    }
    return parsed;
  } catch (cause) {
    if (cause instanceof LogError) throw cause;
    throw new LogError('LOG_CORRUPT', `${path}: its checksum does not fit`, { cause });
  }
}
