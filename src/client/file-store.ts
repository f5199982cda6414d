import { randomBytes } from 'node:crypto';
import { mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { parseJson, stringifyJson } from '../protocol/json.ts';
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
 * they are written beside the file, flushed to disk, and renamed over it. The folder is created with mode 0700.
 */
export class FileDeviceStore implements DeviceStore {
  readonly path: string;

  constructor(path: string) {
    this.path = path;
  }

  /** Undefined when there is no file. @throws JsonError or ClientError when the file is damaged */
  async load(): Promise<DeviceState | undefined> {
    let bytes: Uint8Array;
    try {
      bytes = await readFile(this.path);
    } catch (error) {
      if (isNodeError(error) && error.code === 'ENOENT') return undefined;
      throw error;
    }
    return deviceStateFromJson(parseJson(bytes));
  }

  async save(state: DeviceState): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true, mode: OWNER_ONLY_FOLDER });
    const temporary = `${this.path}.${randomBytes(6).toString('hex')}.tmp`;
    try {
      const file = await open(temporary, 'wx', OWNER_ONLY);
      try {
        await file.writeFile(`${stringifyJson(deviceStateToJson(state))}\n`);
        await file.datasync();
      } finally {
        await file.close();
      }
      await rename(temporary, this.path);
    } catch (error) {
      await rm(temporary, { force: true });
      throw error;
    }
  }
}

function isNodeError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'code' in error;
}
