import {
  closeSync,
  fstatSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  unlinkSync,
  writeFileSync,
} from 'node:fs';
import { dirname } from 'node:path';
import { CommuCatError } from '../ports/commucat-error.ts';
import type { Random } from '../ports/ports.ts';
import { fromHex, toHex } from '../protocol/bytes.ts';

/** A file with a secret cannot be used; the message names the file and never its content. */
export class SecretFileError extends CommuCatError {}

/**
 * Reads a file that only its owner may read.
 * @returns `undefined` when there is no such file.
 * @throws SecretFileError `SECRET_FILE_EXPOSED` when group or others may read or write it, `SECRET_FILE_UNREADABLE`
 * when it cannot be read or is not a plain file.
 */
export function readSecretFile(path: string): string | undefined {
  const descriptor = openForReading(path);
  if (descriptor === undefined) return undefined;
  try {
    // Asked of the open file, not of the name, which may point elsewhere by now.
    const { mode } = fstatSync(descriptor);
    if ((mode & 0o170000) !== 0o100000) {
      throw new SecretFileError('SECRET_FILE_UNREADABLE', `${path} is not a plain file`);
    }
    if (process.platform !== 'win32' && (mode & 0o077) !== 0) {
      const shown = (mode & 0o777).toString(8).padStart(4, '0');
      const message = `${path} holds a secret and has mode ${shown}; allowed: 0600 (chmod 600 ${path})`;
      throw new SecretFileError('SECRET_FILE_EXPOSED', message);
    }
    return readFileSync(descriptor, 'utf8');
  } finally {
    closeSync(descriptor);
  }
}

function openForReading(path: string): number | undefined {
  try {
    return openSync(path, 'r');
  } catch (cause) {
    if (errorCode(cause) === 'ENOENT') return undefined;
    throw new SecretFileError('SECRET_FILE_UNREADABLE', `${path} cannot be read: ${errorCode(cause)}`, {
      cause,
    });
  }
}

function errorCode(error: unknown): string {
  return error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
}

/**
 * Creates a file with mode 0600, complete and on disk, or not at all.
 * @returns false when the file exists already: it is not touched.
 */
export function createSecretFile(path: string, content: string, random: Random): boolean {
  const temporary = writeTemporary(path, content, random);
  try {
    // A link, unlike a rename, never replaces what another process has created meanwhile.
    linkSync(temporary, path);
  } catch (cause) {
    if (errorCode(cause) === 'EEXIST') return false;
    throw cause;
  } finally {
    unlinkSync(temporary);
  }
  syncFolder(dirname(path));
  return true;
}

/** Replaces a file, or creates it, with mode 0600; a reader sees the old or the new content, also after a power cut. */
export function replaceSecretFile(path: string, content: string, random: Random): void {
  renameSync(writeTemporary(path, content, random), path);
  syncFolder(dirname(path));
}

function writeTemporary(path: string, content: string, random: Random): string {
  mkdirSync(dirname(path), { recursive: true, mode: 0o700 });
  const temporary = `${path}.${toHex(random.bytes(8))}.tmp`;
  const descriptor = openSync(temporary, 'wx', 0o600);
  try {
    writeFileSync(descriptor, content);
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
  return temporary;
}

/** Makes a new name durable. Windows cannot open folders and needs no such call. */
function syncFolder(folder: string): void {
  if (process.platform === 'win32') return;
  const descriptor = openSync(folder, 'r');
  try {
    fsyncSync(descriptor);
  } finally {
    closeSync(descriptor);
  }
}

/**
 * The secret in a file, in hexadecimal digits; created there at random when the file does not exist.
 * @param length bytes of a new secret, and the least that is accepted from a file
 * @throws SecretFileError see `readSecretFile`; `SECRET_FILE_INVALID` when the content is not hexadecimal or too short.
 */
export function ensureSecretFile(path: string, length: number, random: Random): Uint8Array {
  const existing = readSecretFile(path) ?? createAndRead(path, length, random);
  const digits = existing.trim();
  if (!/^([0-9a-fA-F]{2})+$/.test(digits) || digits.length < length * 2) {
    const message = `${path} must hold ${length * 2} or more hexadecimal digits (${length} bytes)`;
    throw new SecretFileError('SECRET_FILE_INVALID', message);
  }
  return fromHex(digits);
}

function createAndRead(path: string, length: number, random: Random): string {
  createSecretFile(path, `${toHex(random.bytes(length))}\n`, random);
  // Read back: another process may have been first.
  return readSecretFile(path) ?? '';
}
