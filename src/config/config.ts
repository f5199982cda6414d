import type { KeyValue } from './key.ts';
import type { SCHEMA } from './schema.ts';

type Schema = typeof SCHEMA;

/** The whole configuration, checked and frozen. Paths are absolute. Field names: `schema.ts`, in camel case. */
export type Config = {
  readonly [S in keyof Schema]: {
    readonly [K in keyof Schema[S]['keys']]: KeyValue<Schema[S]['keys'][K]>;
  };
} & {
  /** The file that was read, absolute; `undefined` when there is none. */
  readonly file: string | undefined;
  /** Whether a key of that file is a secret, or a connection string with a password. */
  readonly hasSecrets: boolean;
  /** What was accepted and has no effect, in words for the operator. Contains no value that may be secret. */
  readonly warnings: readonly string[];
};

/** A listener's address. */
export interface Address {
  readonly host: string;
  /** 0: any free port. */
  readonly port: number;
}

/** Splits a checked `server.bind`; the brackets of an IPv6 address are removed. */
export function addressOf(bind: string): Address {
  const colon = bind.lastIndexOf(':');
  return { host: bind.slice(0, colon).replace(/^\[(.*)\]$/, '$1'), port: Number(bind.slice(colon + 1)) };
}

export type PostgresChoice =
  | { readonly kind: 'embedded' }
  | { readonly kind: 'none' }
  | { readonly kind: 'dsn'; readonly dsn: string };

/** What `storage.postgres_dsn` asks for. */
export function postgresChoice(config: Pick<Config, 'storage'>): PostgresChoice {
  const dsn = config.storage.postgresDsn;
  if (dsn === undefined) return { kind: 'embedded' };
  return dsn === 'none' ? { kind: 'none' } : { kind: 'dsn', dsn };
}
