import { equalBytes, toHex, utf8 } from '../../protocol/bytes.ts';
import {
  isJsonObject,
  type JsonObject,
  type JsonValue,
  parseJson,
  stringifyJson,
} from '../../protocol/json/json.ts';
import { deviceToJson } from '../device/device.ts';
import {
  type DeviceState,
  type DeviceStore,
  deviceStateFromJson,
  deviceStateToJson,
} from '../device/device-store.ts';
import { ClientError } from '../values/client-error.ts';
import { textOf } from '../values/client-failures.ts';
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

  /** Undefined when there is no device of this name. @throws ClientError when it cannot be read */
  async load(): Promise<DeviceState | undefined> {
    const entry: unknown = await this.#transact('readonly', (devices) => devices.get(this.#name));
    if (entry === undefined) return undefined;
    if (!isStoredDevice(entry)) throw new ClientError('CLIENT_STORE', 'another version wrote this device');
    const { state, privateKey: seal } = entry;
    const value = parseState(state);
    const privateKey = await openSeal(seal);
    this.#sealed = { privateKey, seal };
    return deviceStateFromJson({ ...value, device: { ...value.device, private_key: toHex(privateKey) } });
  }

  async save(state: DeviceState): Promise<void> {
    const privateKey = await this.#seal(state.device.privateKey);
    const { private_key: _, ...device } = deviceToJson(state.device);
    const text = stringifyJson({ ...deviceStateToJson(state), device });
    const entry: StoredDevice = { version: SCHEMA_VERSION, state: text, privateKey };
    await this.#transact('readwrite', (devices) => devices.put(entry, this.#name));
  }

  /** Forgets the device, for good. */
  async remove(): Promise<void> {
    await this.#transact('readwrite', (devices) => devices.delete(this.#name));
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

  /**
   * Does one thing in a transaction of its own. Browsers close a database behind a page, some without an event: then, and
   * whenever it fails, it is opened again and the thing, which may be done twice, is tried once more.
   */
  async #transact<T>(mode: IDBTransactionMode, work: (devices: IDBObjectStore) => IDBRequest<T>): Promise<T> {
    const opening = this.#open();
    try {
      return await transact(await opening, mode, work);
    } catch {
      await this.#forget(opening);
    }
    try {
      return await transact(await this.#open(), mode, work);
    } catch (cause) {
      if (cause instanceof ClientError) throw cause;
      throw new ClientError('CLIENT_STORE', `IndexedDB: ${textOf(cause)}`, { cause });
    }
  }

  #open(): Promise<IDBDatabase> {
    this.#opening ??= this.#connect();
    return this.#opening;
  }

  /** Gives up a handle, and only this one. */
  async #forget(opening: Promise<IDBDatabase>): Promise<void> {
    if (this.#opening === opening) this.#opening = undefined;
    try {
      (await opening).close();
    } catch {
      // There never was one.
    }
  }

  async #connect(): Promise<IDBDatabase> {
    const request = indexedDB.open(this.#database, SCHEMA_VERSION);
    request.addEventListener('upgradeneeded', () => request.result.createObjectStore(OBJECT_STORE));
    const database = await answerOf(request);
    const opening = this.#opening;
    const forget = (): void => {
      if (opening !== undefined) void this.#forget(opening);
    };
    // Another tab wants to delete or upgrade the database, or the browser has closed it.
    database.addEventListener('versionchange', forget);
    database.addEventListener('close', forget);
    return database;
  }
}

/** @throws ClientError code `CLIENT_STORE` */
function parseState(text: string): JsonObject & { readonly device: JsonObject } {
  let value: JsonValue;
  try {
    value = parseJson(utf8(text));
  } catch (cause) {
    throw new ClientError('CLIENT_STORE', 'the stored device is damaged', { cause });
  }
  if (!isJsonObject(value) || !isJsonObject(value.device)) {
    throw new ClientError('CLIENT_STORE', 'the stored device is damaged');
  }
  return { ...value, device: value.device };
}

async function transact<T>(
  database: IDBDatabase,
  mode: IDBTransactionMode,
  work: (devices: IDBObjectStore) => IDBRequest<T>,
): Promise<T> {
  const transaction = database.transaction(OBJECT_STORE, mode, { durability: 'strict' });
  const request = work(transaction.objectStore(OBJECT_STORE));
  await completion(transaction);
  return request.result;
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
