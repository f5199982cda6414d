import { execFileSync } from 'node:child_process';
import { appendFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

export interface SmallDisk extends Disposable {
  readonly path: string;
}

/** A file system in memory of this many megabytes; undefined where nobody may mount one. */
export function smallDisk(megabytes: number): SmallDisk | undefined {
  const path = mkdtempSync(join(tmpdir(), 'commucat-small-'));
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', path], { stdio: 'ignore' });
  } catch {
    rmSync(path, { recursive: true, force: true });
    return undefined;
  }
  return {
    path,
    [Symbol.dispose]() {
      execFileSync('umount', ['-l', path]);
      rmSync(path, { recursive: true, force: true });
    },
  };
}

/** Takes all the space that is left, also what the server's own background writes leave over. */
export function fill(path: string): void {
  const piece = new Uint8Array(65_536);
  writeFileSync(path, '');
  for (;;) {
    try {
      appendFileSync(path, piece);
    } catch (error) {
      if ((error as { readonly code?: unknown }).code === 'ENOSPC') return;
      throw error;
    }
  }
}
