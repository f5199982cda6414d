import { dirname } from 'node:path';
import { LogError } from '../../src/log/log-error.ts';
import type { Disk, DiskFile, FileIdentity, OpenMode } from '../../src/log/segments/disk/disk.ts';
import type { WriteLock } from '../../src/log/segments/disk/lock.ts';
import { chooser } from './scheduler.ts';
import { turns } from './waiting.ts';

/** What a disk writes whole or not at all. */
const SECTOR = 512;

/** A file as programs see it, and as the medium has it. */
class Contents {
  readonly inode: string;
  bytes: Buffer;
  #durable: Buffer;
  /** Sectors that the medium need not have as programs see them. */
  readonly #dirty = new Set<number>();

  constructor(inode: number, bytes: Buffer = Buffer.alloc(0)) {
    this.inode = String(inode);
    this.bytes = bytes;
    this.#durable = Buffer.from(bytes);
  }

  write(from: Uint8Array, position: number): void {
    if (position + from.length > this.bytes.length) this.resize(position + from.length);
    this.bytes.set(from, position);
    for (const sector of sectorsOf(position, from.length)) this.#dirty.add(sector);
  }

  resize(length: number): void {
    const old = this.bytes;
    this.bytes = Buffer.alloc(length);
    old.copy(this.bytes);
    const changed = Math.min(length, old.length);
    for (const sector of sectorsOf(changed, Math.max(length, old.length) - changed)) this.#dirty.add(sector);
  }

  /** The medium has all of it. */
  sync(): void {
    this.#durable = Buffer.from(this.bytes);
    this.#dirty.clear();
  }

  /** The medium has these bytes, and what is in their sectors. */
  syncRange(position: number, length: number): void {
    const grown = Buffer.alloc(Math.max(this.#durable.length, position + length));
    this.#durable.copy(grown);
    this.#durable = grown;
    for (const sector of sectorsOf(position, length)) this.#settle(sector);
  }

  /** What is left when the power goes: of each sector that is not synced the new bytes or the old ones. */
  survive(choose: (count: number) => number): Buffer {
    if (choose(2) === 0) {
      const resized = Buffer.alloc(this.bytes.length);
      this.#durable.copy(resized);
      this.#durable = resized;
    }
    // All of them, none, or some.
    const fate = choose(3);
    for (const sector of this.#dirty) {
      if (fate === 0 || (fate === 1 && choose(2) === 0)) this.#settle(sector);
    }
    return this.#durable;
  }

  #settle(sector: number): void {
    const from = sector * SECTOR;
    this.bytes.copy(this.#durable, from, from, Math.min(from + SECTOR, this.bytes.length));
    this.#dirty.delete(sector);
  }
}

function sectorsOf(position: number, length: number): number[] {
  if (length === 0) return [];
  const first = Math.floor(position / SECTOR);
  const last = Math.floor((position + length - 1) / SECTOR);
  return Array.from({ length: last - first + 1 }, (_, index) => first + index);
}

type Names = Map<string, Contents>;

/**
 * Files in memory, with a cache in front of the medium: `cutPower` loses what nobody has synced, sector by sector. A disk that
 * was cut off answers its old process never again; the new one opens `next`.
 */
export class MemoryDisk implements Disk {
  #names: Names = new Map();
  /** Names as the medium has them, and the changes that it need not have yet, in order. */
  #durable: Names = new Map();
  #unsynced: { readonly directory: string; readonly apply: (names: Names) => void }[] = [];
  #directories = new Set<string>();
  #inodes = 0;
  #isOff = false;
  /** Syncs, and writes through to the medium, so far. */
  syncs = 0;

  async open(path: string, mode: OpenMode): Promise<DiskFile> {
    await this.#power();
    const found = this.#names.get(path);
    if (found === undefined && (mode === 'read' || mode === 'write')) throw missing(path);
    if (found !== undefined && mode === 'new') throw failure('EEXIST', path);
    const contents = found ?? new Contents(this.#inodes++);
    if (found === undefined) this.#rename(dirname(path), (names) => names.set(path, contents));
    else if (mode === 'create') contents.resize(0);
    return new MemoryFile(contents, () => this.#power(), this);
  }

  async list(directory: string): Promise<readonly string[]> {
    await this.#power();
    if (!this.#directories.has(directory)) throw missing(directory);
    return [...this.#names.keys()]
      .filter((path) => dirname(path) === directory)
      .map((path) => path.slice(directory.length + 1));
  }

  async makeDirectory(path: string): Promise<void> {
    await this.#power();
    this.#directories.add(path);
  }

  async rename(from: string, to: string): Promise<void> {
    await this.#power();
    const contents = this.#names.get(from);
    if (contents === undefined) throw missing(from);
    this.#rename(dirname(to), (names) => {
      names.delete(from);
      names.set(to, contents);
    });
  }

  async remove(path: string): Promise<void> {
    await this.#power();
    this.#rename(dirname(path), (names) => {
      for (const name of names.keys()) {
        if (name === path || name.startsWith(`${path}/`)) names.delete(name);
      }
    });
  }

  async syncDirectory(path: string): Promise<void> {
    await this.#power();
    for (const { directory, apply } of this.#unsynced) {
      if (directory === path) apply(this.#durable);
    }
    this.#unsynced = this.#unsynced.filter(({ directory }) => directory !== path);
  }

  /** The power goes: of what nobody has synced, the seed says what the medium has. Returns the disk as the next start finds it. */
  cutPower(seed: number): MemoryDisk {
    this.#isOff = true;
    const choose = chooser(seed);
    // File systems write names in their order, so some of the last ones are missing.
    for (const { apply } of this.#unsynced.slice(0, choose(this.#unsynced.length + 1))) apply(this.#durable);
    const next = new MemoryDisk();
    next.#directories = new Set(this.#directories);
    for (const [path, contents] of this.#durable) {
      const left = new Contents(next.#inodes++, Buffer.from(contents.survive(choose)));
      next.#names.set(path, left);
      next.#durable.set(path, left);
    }
    return next;
  }

  #rename(directory: string, apply: (names: Names) => void): void {
    apply(this.#names);
    this.#unsynced.push({ directory, apply });
  }

  /** Every call takes a turn; those of a dead process never end. */
  async #power(): Promise<void> {
    await turns();
    if (this.#isOff) await new Promise(() => undefined);
  }
}

class MemoryFile implements DiskFile {
  readonly #contents: Contents;
  readonly #power: () => Promise<void>;
  readonly #disk: MemoryDisk;

  constructor(contents: Contents, power: () => Promise<void>, disk: MemoryDisk) {
    this.#contents = contents;
    this.#power = power;
    this.#disk = disk;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    await this.#power();
    return this.readNow(into, position);
  }

  readNow(into: Uint8Array, position: number): number {
    const bytes = this.#contents.bytes.subarray(position, position + into.length);
    into.set(bytes);
    return bytes.length;
  }

  async write(from: Uint8Array, position: number): Promise<number> {
    const bytes = from.slice();
    await this.#power();
    this.#contents.write(bytes, position);
    return bytes.length;
  }

  /** The bytes reach the cache in one turn and the medium in the next. */
  async writeThrough(from: Uint8Array, position: number): Promise<number> {
    const written = await this.write(from, position);
    await this.#power();
    this.#contents.syncRange(position, written);
    this.#disk.syncs += 1;
    return written;
  }

  async sync(): Promise<void> {
    await this.#power();
    this.#contents.sync();
    this.#disk.syncs += 1;
  }

  async size(): Promise<number> {
    await this.#power();
    return this.#contents.bytes.length;
  }

  async identity(): Promise<FileIdentity> {
    await this.#power();
    return { inode: this.#contents.inode, birth: '' };
  }

  async truncate(length: number): Promise<void> {
    await this.#power();
    this.#contents.resize(length);
  }

  async close(): Promise<void> {
    await this.#power();
  }
}

/** A lock that only this process knows of, for logs on a `MemoryDisk`; the test may lose it. */
export class MemoryLock implements WriteLock {
  onLost: (error: LogError) => void = () => undefined;
  lost: LogError | undefined;

  async verify(): Promise<void> {
    if (this.lost !== undefined) throw this.lost;
  }

  lose(reason: string): LogError {
    if (this.lost === undefined) {
      this.lost = new LogError('LOG_LOCKED', `this process does not own the log any more: ${reason}`);
      this.onLost(this.lost);
    }
    return this.lost;
  }

  async [Symbol.asyncDispose](): Promise<void> {}
}

function missing(path: string): Error {
  return failure('ENOENT', path);
}

function failure(code: string, path: string): Error {
  return Object.assign(new Error(`${code}: ${path}`), { code, path });
}
