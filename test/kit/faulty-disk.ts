import type { Disk, DiskFile } from '../../src/log/segments/disk/disk.ts';
import { nodeDisk } from '../../src/log/segments/disk/node-disk.ts';

/** What the next calls on segment files do. All off: a good disk. */
export interface Faults {
  /** Each write fails with ENOSPC, after having taken this many bytes in all. */
  spaceLeft: number | undefined;
  /** Each `fdatasync` fails with EIO, and so does each write through to the medium once the page cache has it. */
  syncFails: boolean;
  /** A write takes at most this many bytes. */
  shortWrites: number | undefined;
  /** After this many more changes of the disk (a write, a sync, a new name, ...) one is refused with ENOSPC. */
  refusedChange: number | undefined;
}

/** A real disk with switchable faults, for tests. */
export function faultyDisk(): { readonly disk: Disk; readonly faults: Faults } {
  const faults: Faults = {
    spaceLeft: undefined,
    syncFails: false,
    shortWrites: undefined,
    refusedChange: undefined,
  };
  const disk: Disk = {
    ...nodeDisk,
    async open(path, mode) {
      if (mode === 'create' || mode === 'new') change(faults);
      return wrap(await nodeDisk.open(path, mode), faults);
    },
    async rename(from, to) {
      change(faults);
      await nodeDisk.rename(from, to);
    },
    async remove(path) {
      change(faults);
      await nodeDisk.remove(path);
    },
    async syncDirectory(path) {
      change(faults);
      await nodeDisk.syncDirectory(path);
    },
  };
  return { disk, faults };
}

function wrap(file: DiskFile, faults: Faults): DiskFile {
  return {
    read: (into, position) => file.read(into, position),
    readNow: (into, position) => file.readNow(into, position),
    write: async (from, position) => file.write(accepted(from, faults), position),
    async writeThrough(from, position) {
      const bytes = accepted(from, faults);
      if (!faults.syncFails) return file.writeThrough(bytes, position);
      await file.write(bytes, position);
      throw ioError();
    },
    async sync() {
      change(faults);
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
  change(faults);
  let length = Math.min(from.length, faults.shortWrites ?? from.length);
  if (faults.spaceLeft !== undefined) {
    length = Math.min(length, faults.spaceLeft);
    if (length === 0) throw noSpace();
    faults.spaceLeft -= length;
  }
  return from.subarray(0, length);
}

function change(faults: Faults): void {
  if (faults.refusedChange === undefined) return;
  faults.refusedChange -= 1;
  if (faults.refusedChange >= 0) return;
  faults.refusedChange = undefined;
  throw noSpace();
}

function noSpace(): Error {
  return Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
}

function ioError(): Error {
  return Object.assign(new Error('input/output error'), { code: 'EIO' });
}
