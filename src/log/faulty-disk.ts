import type { Disk, DiskFile } from './disk.ts';
import { nodeDisk } from './node-disk.ts';

/** What the next calls on segment files do. All off: a good disk. */
export interface Faults {
  /** Each write fails with ENOSPC, after having taken this many bytes in all. */
  spaceLeft: number | undefined;
  /** Each `fdatasync` fails with EIO, and so does each write through to the medium once the page cache has it. */
  syncFails: boolean;
  /** A write takes at most this many bytes. */
  shortWrites: number | undefined;
}

/** A real disk with switchable faults, for tests. */
export function faultyDisk(): { readonly disk: Disk; readonly faults: Faults } {
  const faults: Faults = { spaceLeft: undefined, syncFails: false, shortWrites: undefined };
  const disk: Disk = {
    ...nodeDisk,
    async open(path, mode) {
      return wrap(await nodeDisk.open(path, mode), faults);
    },
  };
  return { disk, faults };
}

function wrap(file: DiskFile, faults: Faults): DiskFile {
  return {
    read: (into, position) => file.read(into, position),
    write: async (from, position) => file.write(accepted(from, faults), position),
    async writeThrough(from, position) {
      const bytes = accepted(from, faults);
      if (!faults.syncFails) return file.writeThrough(bytes, position);
      await file.write(bytes, position);
      throw ioError();
    },
    async sync() {
      if (faults.syncFails) throw ioError();
      await file.sync();
    },
    size: () => file.size(),
    identity: () => file.identity(),
    truncate: (length) => file.truncate(length),
    close: () => file.close(),
  };
}

/** The part of the bytes that the disk takes now. */
function accepted(from: Uint8Array, faults: Faults): Uint8Array {
  let length = Math.min(from.length, faults.shortWrites ?? from.length);
  if (faults.spaceLeft !== undefined) {
    length = Math.min(length, faults.spaceLeft);
    if (length === 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
    faults.spaceLeft -= length;
  }
  return from.subarray(0, length);
}

function ioError(): Error {
  return Object.assign(new Error('input/output error'), { code: 'EIO' });
}
