import { close, fdatasync, fstat, ftruncate, open as openCallback, read, write } from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Disk, DiskFile, OpenMode } from './disk.ts';

const FLAGS: Readonly<Record<OpenMode, string>> = { read: 'r', write: 'r+', create: 'w+' };
const closeFile = promisify(close);
const statFile = promisify(fstat);
const truncateFile = promisify(ftruncate);

/** Callbacks on a bare descriptor: two calls a batch that need not pay for FileHandle. */
class NodeFile implements DiskFile {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  async read(into: Uint8Array, position: number): Promise<number> {
    let done = 0;
    while (done < into.length) {
      const got = await this.#readOnce(into, done, position + done);
      if (got === 0) break;
      done += got;
    }
    return done;
  }

  write(from: Uint8Array, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      write(this.#fd, from, 0, from.length, position, (error, written) => {
        if (error === null) resolve(written);
        else reject(error);
      });
    });
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#fd, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
  }

  async size(): Promise<number> {
    return (await statFile(this.#fd)).size;
  }

  truncate(length: number): Promise<void> {
    return truncateFile(this.#fd, length);
  }

  close(): Promise<void> {
    return closeFile(this.#fd);
  }

  #readOnce(into: Uint8Array, offset: number, position: number): Promise<number> {
    return new Promise((resolve, reject) => {
      read(this.#fd, into, offset, into.length - offset, position, (error, got) => {
        if (error === null) resolve(got);
        else reject(error);
      });
    });
  }
}

const openDescriptor = promisify((path: string, flags: string, done: (e: Error | null, fd: number) => void) =>
  openCallback(path, flags, 0o640, done),
);

/** The real disk. */
export const nodeDisk: Disk = {
  async open(path, mode) {
    return new NodeFile(await openDescriptor(path, FLAGS[mode]));
  },
  list: (directory) => readdir(directory),
  async makeDirectory(path) {
    await mkdir(path, { recursive: true, mode: 0o750 });
  },
  rename,
  remove: (path) => rm(path, { force: true }),
  async syncDirectory(path) {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};
