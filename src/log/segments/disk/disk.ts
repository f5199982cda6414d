/** What the log needs of a disk. Tests wrap it to make it full, slow, short or failing. */

/** What tells a file from a copy of it. */
export interface FileIdentity {
  /** Number of the file in its file system; decimal. */
  readonly inode: string;
  /** When the file was made, in the file system's own resolution; empty where that does not keep it. */
  readonly birth: string;
}

export interface DiskFile {
  /** Reads until `into` is full or the file ends; resolves with the bytes read. */
  read(into: Uint8Array, position: number): Promise<number>;
  /** Like `read`, but blocks: for a few bytes that a synchronous caller needs, nearly always from the kernel's cache. */
  readNow(into: Uint8Array, position: number): number;
  /** Writes once; resolves with the bytes written, which may be fewer than asked for. */
  write(from: Uint8Array, position: number): Promise<number>;
  /** Like `write`, and what it took is on the medium when it resolves; says nothing of what `write` took. */
  writeThrough(from: Uint8Array, position: number): Promise<number>;
  /** Resolves when everything written is on the medium (`fdatasync`). */
  sync(): Promise<void>;
  size(): Promise<number>;
  identity(): Promise<FileIdentity>;
  truncate(length: number): Promise<void>;
  close(): Promise<void>;
}

/** `create` makes the file, or empties it; `new` makes it, and fails with `EEXIST` when it is there. */
export type OpenMode = 'read' | 'write' | 'create' | 'new';

export interface Disk {
  open(path: string, mode: OpenMode): Promise<DiskFile>;
  /** Names of the entries of a directory. */
  list(directory: string): Promise<readonly string[]>;
  makeDirectory(path: string): Promise<void>;
  rename(from: string, to: string): Promise<void>;
  /** Removes a file, or a directory with all that is in it; one that does not exist is no error. */
  remove(path: string): Promise<void>;
  /** Makes created, renamed and removed names durable. */
  syncDirectory(path: string): Promise<void>;
}

/**
 * Writes all of it, also when the disk takes it in pieces. A disk that takes nothing is full.
 *
 * @param how `writeThrough`: all of it is on the medium when the promise resolves
 */
export async function writeFully(
  file: DiskFile,
  bytes: Uint8Array,
  position: number,
  how: 'write' | 'writeThrough' = 'write',
): Promise<void> {
  let done = 0;
  while (done < bytes.length) {
    const written = await file[how](done === 0 ? bytes : bytes.subarray(done), position + done);
    if (written <= 0) throw new Error('the disk took no more bytes');
    done += written;
  }
}
