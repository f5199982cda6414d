import type { Disk, DiskFile } from './disk.ts';
import { nodeDisk } from './node-disk.ts';

/** What the next calls on segment files do. All off: a good disk. */
export interface Faults {
  /** Each write fails with ENOSPC, after having taken this many bytes in all. */
  spaceLeft: number | undefined;
  /** Each `fdatasync` fails with EIO. */
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
    async write(from, position) {
      let length = Math.min(from.length, faults.shortWrites ?? from.length);
      if (faults.spaceLeft !== undefined) {
        length = Math.min(length, faults.spaceLeft);
        if (length === 0) throw Object.assign(new Error('no space left on device'), { code: 'ENOSPC' });
        faults.spaceLeft -= length;
      }
      return file.write(from.subarray(0, length), position);
    },
    async sync() {
      if (faults.syncFails) throw Object.assign(new Error('input/output error'), { code: 'EIO' });
      await file.sync();
    },
    size: () => file.size(),
    truncate: (length) => file.truncate(length),
    close: () => file.close(),
  };
}
