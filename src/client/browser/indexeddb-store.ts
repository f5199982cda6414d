import { equalBytes, toHex, utf8 } from '../../protocol/bytes.ts';
import { isJsonObject, parseJson, stringifyJson } from '../../protocol/json.ts';
import { ClientError } from '../client-error.ts';
import { deviceToJson } from '../device.ts';
import {
  type DeviceState,
  type DeviceStore,
  deviceStateFromJson,
  deviceStateToJson,
} from '../device-store.ts';
import { openSeal, type SealedKey, sealKey } from './sealed-key.ts';

/** Options of `IndexedDbDeviceStore`. */
export interface IndexedDbStoreOptions {
  /** Of the IndexedDB database. @default commucat */
  readonly database?: string;
  /** One database holds any number of devices under different names. @default device */
  readonly name?: string;
}

/** One entry of the object store. */
interface StoredDevice {
  readonly version: 1;
  /** Everything but the private key, as JSON. */
  readonly state: string;
  readonly privateKey: SealedKey;
}

const DATABASE = 'commucat';
const NAME = 'device';
const OBJECT_STORE = 'devices';
const SCHEMA_VERSION = 1;

/**
 * Keeps a device in IndexedDB. `save` is complete when the browser has told the operating system to write it to disk
 * (`durability: strict`). The private key lies there encrypted under a key of WebCrypto that no script can export;
 * docs/client.md tells what that protects from, and what not. Needs a page from a secure context.
 */
export class IndexedDbDeviceStore implements DeviceStore {
  readonly #database: string;
  readonly #name: string;
  #opening: Promise<IDBDatabase> | undefined;
  #sealed: { readonly privateKey: Uint8Array; readonly seal: SealedKey } | undefined;

  constructor(options: IndexedDbStoreOptions = {}) {
    this.#database = options.database ?? DATABASE;
    this.#name = options.name ?? NAME;
  }

  /** Undefined when there is no device of this name. @throws ClientError or JsonError when it cannot be read */
  async load(): Promise<DeviceState | undefined> {
    const database = await this.#open();
    const transaction = database.transaction(OBJECT_STORE, 'readonly');
    const entry: unknown = await answerOf(transaction.objectStore(OBJECT_STORE).get(this.#name));
    if (entry === undefined) return undefined;
    if (!isStoredDevice(entry)) throw new ClientError('CLIENT_STORE', 'another version wrote this device');
    const { state, privateKey: seal } = entry;
    const value = parseJson(utf8(state));
    if (!isJsonObject(value) || !isJsonObject(value.device)) {
      throw new ClientError('CLIENT_STORE', 'the stored device is damaged');
    }
    const privateKey = await openSeal(seal);
    this.#sealed = { privateKey, seal };
    return deviceStateFromJson({ ...value, device: { ...value.device, private_key: toHex(privateKey) } });
  }

  async save(state: DeviceState): Promise<void> {
    const privateKey = await this.#seal(state.device.privateKey);
    const { private_key: _, ...device } = deviceToJson(state.device);
    const text = stringifyJson({ ...deviceStateToJson(state), device });
    const entry: StoredDevice = { version: SCHEMA_VERSION, state: text, privateKey };
    const database = await this.#open();
    const transaction = database.transaction(OBJECT_STORE, 'readwrite', { durability: 'strict' });
    transaction.objectStore(OBJECT_STORE).put(entry, this.#name);
    await completion(transaction);
  }

  /** Forgets the device, for good. */
  async remove(): Promise<void> {
    const database = await this.#open();
    const transaction = database.transaction(OBJECT_STORE, 'readwrite', { durability: 'strict' });
    transaction.objectStore(OBJECT_STORE).delete(this.#name);
    await completion(transaction);
    this.#sealed = undefined;
  }

  /** Closes the database; the next call opens it again. */
  async close(): Promise<void> {
    const opening = this.#opening;
    this.#opening = undefined;
    (await opening)?.close();
  }

  /** The private key of a device never changes: it is encrypted once. */
  async #seal(privateKey: Uint8Array): Promise<SealedKey> {
    if (this.#sealed === undefined || !equalBytes(this.#sealed.privateKey, privateKey)) {
      this.#sealed = { privateKey, seal: await sealKey(privateKey) };
    }
    return this.#sealed.seal;
  }

  #open(): Promise<IDBDatabase> {
    this.#opening ??= this.#connect().catch((error: unknown) => {
      this.#opening = undefined;
      throw error;
    });
    return this.#opening;
  }

  async #connect(): Promise<IDBDatabase> {
    const request = indexedDB.open(this.#database, SCHEMA_VERSION);
    request.addEventListener('upgradeneeded', () => request.result.createObjectStore(OBJECT_STORE));
    const database = await answerOf(request);
    // Another tab wants to delete or upgrade the database, or the browser has closed it.
    database.addEventListener('versionchange', () => void this.close());
    database.addEventListener('close', () => {
      this.#opening = undefined;
    });
    return database;
  }
}

function isStoredDevice(entry: unknown): entry is StoredDevice {
  return (
    typeof entry === 'object' && entry !== null && 'version' in entry && entry.version === SCHEMA_VERSION
  );
}

function answerOf<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(storeError(request.error)));
  });
}

function completion(transaction: IDBTransaction): Promise<void> {
  return new Promise((resolve, reject) => {
    transaction.addEventListener('complete', () => resolve());
    transaction.addEventListener('abort', () => reject(storeError(transaction.error)));
  });
}

function storeError(cause: DOMException | null): ClientError {
  return new ClientError('CLIENT_STORE', `IndexedDB: ${cause?.message ?? 'aborted'}`, { cause });
}
