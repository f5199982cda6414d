import { existsSync } from 'node:fs';
import { rm, rmdir } from 'node:fs/promises';
import { dirname, join, resolve } from 'node:path';
import { isLocked } from '../../src/log/segments/disk/lock.ts';

/**
 * Runs a server that may create its folders and keys; when it fails before it was ready, what it has created is removed:
 * a refused start leaves nothing behind. What was there before is never touched.
 *
 * @param dataDir the data folder
 * @param files keys that may lie elsewhere
 * @param run is told what to call when the server is ready
 */
export async function withoutTraces(
  dataDir: string,
  files: readonly string[],
  run: (ready: () => void) => Promise<void>,
): Promise<void> {
  const folder = resolve(dataDir);
  // Keys of a folder that was there belong to what is in it.
  const fresh = existsSync(folder) ? [] : [folder, ...files.filter((file) => !existsSync(file))];
  const parents = missingParents(folder);
  let isReady = false;
  try {
    await run(() => {
      isReady = true;
    });
  } catch (error) {
    // Another server may have been quicker in the same place: then all of it is its own.
    if (!isReady && fresh.length > 0 && !(await isLocked(join(folder, 'log')))) await remove(fresh, parents);
    throw error;
  }
}

/** From the innermost. */
function missingParents(folder: string): readonly string[] {
  const parents: string[] = [];
  for (let at = dirname(folder); !existsSync(at); at = dirname(at)) parents.push(at);
  return parents;
}

async function remove(fresh: readonly string[], parents: readonly string[]): Promise<void> {
  for (const path of fresh) await rm(path, { recursive: true, force: true });
  // Those in which something else is by now stay.
  for (const parent of parents) await rmdir(parent).catch(() => undefined);
}
