import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, readlink, realpath, rename, rm } from 'node:fs/promises';
import { dirname, resolve } from 'node:path';
import { parseJson, stringifyJson } from '../../protocol/json/json.ts';
import { ClientError } from '../values/client-error.ts';
import { textOf } from '../values/client-failures.ts';
import {
  type DeviceState,
  type DeviceStore,
  deviceStateFromJson,
  deviceStateToJson,
} from './device-store.ts';

const OWNER_ONLY = 0o600;
const OWNER_ONLY_FOLDER = 0o700;

/**
 * Keeps a device in one JSON file with mode 0600, private key included. A crash leaves the old contents or the new ones:
 * they are written beside the file, flushed to disk, and renamed over it. The folder is created with mode 0700. A symbolic
 * link stays one: what it points to is replaced.
 */
export class FileDeviceStore implements DeviceStore {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Undefined when there is no file. @throws ClientError code `CLIENT_STORE` when it cannot be read, or is damaged */
  async load(): Promise<DeviceState | undefined> {
    try {
      return deviceStateFromJson(parseJson(await readFile(this.path)));
    } catch (cause) {
      if (hasCode(cause, 'ENOENT')) return undefined;
      throw new ClientError('CLIENT_STORE', `${this.path}: ${textOf(cause)}`, { cause });
    }
  }

  async save(state: DeviceState): Promise<void> {
    const path = await targetOf(this.path);
    await mkdir(dirname(path), { recursive: true, mode: OWNER_ONLY_FOLDER });
    const temporary = `${path}.${randomBytes(6).toString('hex')}.tmp`;
    try {
      const file = await open(temporary, 'wx', OWNER_ONLY);
      try {
        await file.writeFile(`${stringifyJson(deviceStateToJson(state))}\n`);
        await file.datasync();
      } finally {
        await file.close();
      }
      await rename(temporary, path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
    await flushFolder(dirname(path));
  }
}

/** Where the path leads when symbolic links are followed, also to a file that is not there yet. */
async function targetOf(path: string): Promise<string> {
  try {
    return await realpath(path);
  } catch (error) {
    // A circle of links is another error.
    if (!hasCode(error, 'ENOENT')) throw error;
  }
  let next: string;
  try {
    next = await readlink(path);
  } catch (error) {
    if (hasCode(error, 'ENOENT') || hasCode(error, 'EINVAL')) return path;
    throw error;
  }
  return targetOf(resolve(await realpath(dirname(path)), next));
}

/** Makes the new name survive a power failure: the numbers that it stands for are used at once. */
async function flushFolder(path: string): Promise<void> {
  // Windows has no handles of folders; its file system logs names by itself.
  if (process.platform === 'win32') return;
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code;
}
