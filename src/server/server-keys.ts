import type { Config } from '../config/index.ts';
import { STREAMS } from '../events/streams.ts';
import { loadFederationSeed, loadNoiseKeys, type NoiseKey, readSecretFile } from '../keys/index.ts';
import type { EventLog } from '../log/event-log.ts';
import { CommuCatError } from '../ports/commucat-error.ts';
import type { Clock, Random } from '../ports/ports.ts';
import { toHex } from '../protocol/bytes.ts';
import type { CryptoBackend } from '../protocol/crypto-backend.ts';
import { deriveAuthorityKey } from '../protocol/identity/keys.ts';

/** The public parts of the server's keys are facts: auditors see which it has used, and a start with others is noticed. */
const NOISE = 'noise';
const AUTHORITY = 'authority';

/**
 * The keys beside a log are missing, or are not those that the log knows: `SERVER_KEYS_MISSING`, `SERVER_KEYS_FOREIGN`.
 * Every client pins them; with others it could not connect any more.
 */
export class ServerKeysError extends CommuCatError {
  declare readonly code: 'SERVER_KEYS_MISSING' | 'SERVER_KEYS_FOREIGN';
}

export interface ServerKeysOptions {
  readonly config: Pick<Config, 'crypto'>;
  readonly log: EventLog;
  readonly backend: CryptoBackend;
  readonly clock: Clock;
  readonly random: Random;
  /** The operator's word that the present keys, or new ones where files are missing, are the right ones. @default false */
  readonly accept?: boolean;
}

export interface ServerKeys {
  /** Versions in use, newest first. */
  readonly noise: readonly NoiseKey[];
  /** Signs the certificates of devices. */
  readonly authority: ReturnType<typeof deriveAuthorityKey>;
}

/**
 * Loads the server's keys, which are created for a log that has had none, and makes sure that they are those of the log.
 *
 * @throws ServerKeysError, NoiseKeyError, SecretFileError
 */
export async function loadServerKeys(options: ServerKeysOptions): Promise<ServerKeys> {
  const { config, log, backend, clock, random, accept = false } = options;
  const { crypto } = config;
  const known = {
    noise: await recorded(log, NOISE),
    authority: await recorded(log, AUTHORITY),
  };
  if (!accept && known.noise.size > 0) {
    if (crypto.noisePrivate === undefined) requireFile('crypto.noise_key_file', crypto.noiseKeyFile);
    if (crypto.federationSeed === undefined) {
      requireFile('crypto.federation_seed_file', crypto.federationSeedFile);
    }
  }
  const noise = loadNoiseKeys({ crypto, backend, clock, random });
  const authority = deriveAuthorityKey(backend, loadFederationSeed(crypto, random));
  const versions = noise.map(({ keyPair, version }) => ({ version, publicKey: toHex(keyPair.publicKey) }));
  const signer = toHex(authority.publicKey);
  if (!accept) {
    requireKnown(
      'tunnel (crypto.noise_key_file)',
      known.noise,
      versions.map(({ publicKey }) => publicKey),
    );
    requireKnown('device authority (crypto.federation_seed_file)', known.authority, [signer]);
  }
  await record(log, NOISE, known.noise, versions.toReversed());
  await record(log, AUTHORITY, known.authority, [{ version: known.authority.size + 1, publicKey: signer }]);
  return { noise, authority };
}

async function recorded(log: EventLog, secret: string): Promise<ReadonlySet<string>> {
  const keys = new Set<string>();
  for await (const event of log.readStream(STREAMS.secret.stream(secret))) {
    keys.add(STREAMS.secret.decode(event).publicKey);
  }
  return keys;
}

async function record(
  log: EventLog,
  secret: string,
  known: ReadonlySet<string>,
  keys: readonly { readonly version: number; readonly publicKey: string }[],
): Promise<void> {
  const events = keys
    .filter(({ publicKey }) => !known.has(publicKey))
    .map((key) => ({ type: 'secret.rotated', ...key }) as const);
  if (events.length > 0) await log.append([STREAMS.secret.append(secret, 'any', events)]);
}

function requireFile(key: string, path: string): void {
  if (readSecretFile(path) !== undefined) return;
  throw new ServerKeysError(
    'SERVER_KEYS_MISSING',
    `${path} (${key}) is missing, but the log has seen this server's keys: clients know no others. Put the file back from a backup; to go on with a new key, which locks every client out until it is told of it: commucat log accept-keys`,
  );
}

function requireKnown(what: string, known: ReadonlySet<string>, keys: readonly string[]): void {
  if (known.size === 0 || keys.some((key) => known.has(key))) return;
  throw new ServerKeysError(
    'SERVER_KEYS_FOREIGN',
    `the key of the ${what} is not one that this log has seen: clients know no others. Use the files that belong to this log; to go on with these keys, which locks every client out until it is told of them: commucat log accept-keys`,
  );
}
