import {
  type BigIntStats,
  close,
  constants,
  fdatasync,
  fstat,
  ftruncate,
  open as openCallback,
  read,
  readSync,
  write,
} from 'node:fs';
import { mkdir, open, readdir, rename, rm } from 'node:fs/promises';
import { promisify } from 'node:util';
import type { Disk, DiskFile, FileIdentity, OpenMode } from './disk.ts';

const { O_CREAT, O_DSYNC, O_EXCL, O_RDONLY, O_RDWR, O_TRUNC, O_WRONLY } = constants;
const FLAGS: Readonly<Record<OpenMode, number>> = {
  read: O_RDONLY,
  write: O_RDWR,
  create: O_RDWR | O_CREAT | O_TRUNC,
  new: O_RDWR | O_CREAT | O_EXCL,
};
/** Elsewhere the flag promises less than `fdatasync` does. */
const HAS_DSYNC = process.platform === 'linux';
const closeFile = promisify(close);
const statFile = promisify(fstat);
const statExactly = (fd: number): Promise<BigIntStats> =>
  new Promise((resolve, reject) => {
    fstat(fd, { bigint: true }, (error, stats) => {
      if (error === null) resolve(stats);
      else reject(error);
    });
  });
const truncateFile = promisify(ftruncate);

/** Callbacks on a bare descriptor: one call a batch that need not pay for FileHandle. */
class NodeFile implements DiskFile {
  readonly #fd: number;
  /** The same file, opened with `O_DSYNC`: writing through it is one trip to a thread instead of two. */
  readonly #through: number | undefined;

  constructor(fd: number, through: number | undefined) {
    this.#fd = fd;
    this.#through = through;
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

  readNow(into: Uint8Array, position: number): number {
    let done = 0;
    while (done < into.length) {
      const got = readSync(this.#fd, into, done, into.length - done, position + done);
      if (got === 0) break;
      done += got;
    }
    return done;
  }

  write(from: Uint8Array, position: number): Promise<number> {
    return writeOnce(this.#fd, from, position);
  }

  async writeThrough(from: Uint8Array, position: number): Promise<number> {
    if (this.#through !== undefined) return writeOnce(this.#through, from, position);
    const written = await writeOnce(this.#fd, from, position);
    await this.sync();
    return written;
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

  async identity(): Promise<FileIdentity> {
    const { ino, birthtimeNs } = await statExactly(this.#fd);
    return { inode: String(ino), birth: birthtimeNs === 0n ? '' : String(birthtimeNs) };
  }

  truncate(length: number): Promise<void> {
    return truncateFile(this.#fd, length);
  }

  async close(): Promise<void> {
    if (this.#through !== undefined) await closeFile(this.#through);
    await closeFile(this.#fd);
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

function writeOnce(fd: number, from: Uint8Array, position: number): Promise<number> {
  return new Promise((resolve, reject) => {
    write(fd, from, 0, from.length, position, (error, written) => {
      if (error === null) resolve(written);
      else reject(error);
    });
  });
}

const openDescriptor = promisify((path: string, flags: number, done: (e: Error | null, fd: number) => void) =>
  openCallback(path, flags, 0o640, done),
);

async function openFile(path: string, mode: OpenMode): Promise<NodeFile> {
  const fd = await openDescriptor(path, FLAGS[mode]);
  if (mode === 'read' || !HAS_DSYNC) return new NodeFile(fd, undefined);
  try {
    return new NodeFile(fd, await openDescriptor(path, O_WRONLY | O_DSYNC));
  } catch (error) {
    await closeFile(fd);
    throw error;
  }
}

/** The real disk. */
export const nodeDisk: Disk = {
  open: openFile,
  list: (directory) => readdir(directory),
  async makeDirectory(path) {
    await mkdir(path, { recursive: true, mode: 0o750 });
  },
  rename,
  remove: (path) => rm(path, { force: true, recursive: true }),
  async syncDirectory(path) {
    const handle = await open(path, 'r');
    try {
      await handle.sync();
    } finally {
      await handle.close();
    }
  },
};
