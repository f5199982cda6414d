import type { Disk, DiskFile, FileIdentity } from './disk.ts';
import type { WriteLock } from './lock.ts';

/**
 * The disk for as long as the log is ours. Before a name is made, moved or removed, the lock is looked at; once it is lost,
 * nothing is changed any more: what lies there is another's.
 */
export function guardedDisk(disk: Disk, lock: WriteLock): Disk {
  return {
    list: (directory) => disk.list(directory),
    makeDirectory: (path) => disk.makeDirectory(path),
    syncDirectory: (path) => disk.syncDirectory(path),
    async open(path, mode) {
      if (mode === 'read') return disk.open(path, mode);
      await lock.verify();
      try {
        return new GuardedFile(await disk.open(path, mode), lock);
      } catch (error) {
        if (mode !== 'new' || (error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
        throw lock.lose(`${path} is there already, and this process has not written it`);
      }
    },
    async rename(from, to) {
      await lock.verify();
      await disk.rename(from, to);
    },
    async remove(path) {
      await lock.verify();
      await disk.remove(path);
    },
  };
}

class GuardedFile implements DiskFile {
  readonly #file: DiskFile;
  readonly #lock: WriteLock;

  constructor(file: DiskFile, lock: WriteLock) {
    this.#file = file;
    this.#lock = lock;
  }

  read(into: Uint8Array, position: number): Promise<number> {
    return this.#file.read(into, position);
  }

  readNow(into: Uint8Array, position: number): number {
    return this.#file.readNow(into, position);
  }

  write(from: Uint8Array, position: number): Promise<number> {
    const { lost } = this.#lock;
    return lost === undefined ? this.#file.write(from, position) : Promise.reject(lost);
  }

  writeThrough(from: Uint8Array, position: number): Promise<number> {
    const { lost } = this.#lock;
    return lost === undefined ? this.#file.writeThrough(from, position) : Promise.reject(lost);
  }

  truncate(length: number): Promise<void> {
    const { lost } = this.#lock;
    return lost === undefined ? this.#file.truncate(length) : Promise.reject(lost);
  }

  sync(): Promise<void> {
    return this.#file.sync();
  }

  size(): Promise<number> {
    return this.#file.size();
  }

  identity(): Promise<FileIdentity> {
    return this.#file.identity();
  }

  close(): Promise<void> {
    return this.#file.close();
  }
}
