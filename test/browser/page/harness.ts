// What the browser tests call in a page: the SDK as an application uses it, with everything it does written down.
import {
  type Client,
  ClientError,
  type ConnectOptions,
  createClient,
  createDevice,
  fetchServerInfo,
  IndexedDbDeviceStore,
  newDeviceState,
  openDevice,
} from 'commucat/client';
import type { Harness, OpenOptions } from '../harness.ts';

const DATABASE = 'test';
/** Every handle that the page has got: to close one is what browsers do behind a page, without an event. */
const handles: IDBDatabase[] = [];
const openUnseen = IDBFactory.prototype.open;
IDBFactory.prototype.open = function open(...parameters): IDBOpenDBRequest {
  const request = openUnseen.apply(this, parameters);
  request.addEventListener('success', () => handles.push(request.result));
  return request;
};
let client: Client | undefined;
const texts: string[] = [];
const events: string[] = [];
let changed = (): void => undefined;

function current(): Client {
  if (client === undefined) throw new Error('open comes first');
  return client;
}

function note(list: string[], line: string): void {
  list.push(line);
  changed();
}

function errorText(error: unknown): string {
  return error instanceof ClientError ? error.code : String(error);
}

async function reach(list: readonly string[], isThere: () => boolean): Promise<string[]> {
  while (!isThere()) {
    await new Promise<void>((resolve) => {
      changed = resolve;
    });
  }
  return [...list];
}

const harness: Harness = {
  async open({ name, url = location.origin, reads = true, ...heartbeat }: OpenOptions): Promise<string> {
    const store = new IndexedDbDeviceStore({ database: DATABASE, name });
    const device = await openDevice(store, { deviceId: name });
    const { domain, noisePublic: serverStatic } = await fetchServerInfo(url);
    const reconnect: ConnectOptions['reconnect'] = { initialDelay: 20, maxDelay: 200 };
    client = createClient({ url, domain, serverStatic, store, reconnect, ...heartbeat });
    client.on('connected', ({ resumed }) => note(events, resumed ? 'resumed' : 'connected'));
    client.on('disconnected', ({ reason }) => note(events, reason.code));
    client.on('error', (error) => note(events, `error ${error.code}`));
    client.on('closed', ({ error }) => note(events, `closed ${error?.code ?? 'by itself'}`));
    await client.connect();
    if (reads) harness.read();
    return Array.from(device.publicKey, (byte) => byte.toString(16).padStart(2, '0')).join('');
  },

  closeDatabases(): number {
    const open = handles.splice(0);
    for (const handle of open) handle.close();
    return open.length;
  },

  read(): void {
    void (async () => {
      for await (const message of current().messages()) {
        note(texts, message.payload.length > 100 ? `${message.payload.length} bytes` : message.text);
      }
    })();
  },

  async join(channel: number, peer: string): Promise<void> {
    await current().join(channel, { members: [peer] });
  },

  async send(channel: number, ...lines: string[]): Promise<void> {
    await Promise.all(lines.map((line) => current().send(channel, line)));
  },

  async sendBytes(channel: number, length: number): Promise<string> {
    return current()
      .send(channel, new Uint8Array(length).fill(7))
      .then(() => 'stored', errorText);
  },

  close: () => current().close(),

  texts: (count: number) => reach(texts, () => texts.length >= count),

  textsUntil: (awaited: string) => reach(texts, () => texts.includes(awaited)),

  events: (awaited: string) => reach(events, () => events.includes(awaited)),

  async stored(name) {
    const database = await openDatabase();
    const entry = await answer<Entry>(database.transaction('devices').objectStore('devices').get(name));
    const { wrappingKey } = entry.privateKey;
    const exported = crypto.subtle.exportKey('raw', wrappingKey).then(
      () => 'exported',
      (error: Error) => error.name,
    );
    return {
      text: JSON.stringify(entry, (_, value: unknown) => (value instanceof Uint8Array ? [...value] : value)),
      extractable: wrappingKey.extractable,
      exported: await exported,
    };
  },

  async exerciseStore() {
    const [one, other] = ['store-one', 'store-other'].map((name) => {
      return new IndexedDbDeviceStore({ database: DATABASE, name });
    });
    if (one === undefined || other === undefined) throw new Error('two stores');
    const device = createDevice({ deviceId: 'store-one', handle: 'Zoë' });
    const state = { device, sequence: 4096, processed: 17, authority: new Uint8Array(32).fill(3) };
    const empty = String(await one.load());
    await one.save(newDeviceState(device));
    await one.save(state);
    const again = new IndexedDbDeviceStore({ database: DATABASE, name: 'store-one' });
    const kept = await again.load();
    const privateKeys = [state, kept].map((held) => held?.device.privateKey.toString());
    await damage('store-one', (entry) => {
      entry.privateKey.nonce.reverse();
    });
    const damaged = await again.load().then(() => 'loaded', errorText);
    await damage('store-one', (entry) => {
      entry.version = 2;
    });
    const foreign = await again.load().then(() => 'loaded', errorText);
    await one.remove();
    return {
      empty,
      kept: JSON.stringify({ ...kept, device: kept?.device.handle, authority: kept?.authority?.length }),
      key: privateKeys[0] === privateKeys[1] ? 'same' : 'another',
      other: String(await other.load()),
      damaged,
      foreign,
      removed: String(await again.load()),
    };
  },
};

interface Entry {
  version: number;
  readonly privateKey: { readonly nonce: Uint8Array; readonly wrappingKey: CryptoKey };
}

/** Changes an entry behind the store's back. */
async function damage(name: string, change: (entry: Entry) => void): Promise<void> {
  const database = await openDatabase();
  const devices = database.transaction('devices', 'readwrite').objectStore('devices');
  const entry = await answer<Entry>(devices.get(name));
  change(entry);
  await answer(devices.put(entry, name));
  database.close();
}

function openDatabase(): Promise<IDBDatabase> {
  return answer(indexedDB.open(DATABASE));
}

function answer<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.addEventListener('success', () => resolve(request.result));
    request.addEventListener('error', () => reject(request.error));
  });
}

Object.assign(globalThis, { harness });
