import { type CustomTypesConfig, Pool, types as pgTypes } from 'pg';

export interface PostgresOptions {
  /** Holds a password: never logged. */
  readonly dsn: string;
  /** Called with what breaks a connection that nobody uses at the moment. */
  readonly onIdleError: (error: Error) => void;
  /** @default 8 */
  readonly maxConnections?: number;
  /** A statement that takes longer is cancelled, ms. @default 30000 */
  readonly statementTimeoutMs?: number;
}

const INT8 = 20;

/** bigint columns hold positions, revisions and 32-bit numbers, all below 2^53; as strings they would compare wrongly. */
const types: CustomTypesConfig = {
  getTypeParser: ((oid: number, format?: 'text' | 'binary') =>
    oid === INT8 && format !== 'binary'
      ? Number
      : pgTypes.getTypeParser(oid, format as 'text')) as CustomTypesConfig['getTypeParser'],
};

/**
 * A pool of connections to PostgreSQL; connects on first use. Everything that waits has a deadline: connecting,
 * statements, transactions that nobody ends, peers that are gone without a word.
 */
export function openPostgres(options: PostgresOptions): Pool {
  const statementTimeout = options.statementTimeoutMs ?? 30_000;
  const pool = new Pool({
    connectionString: options.dsn,
    max: options.maxConnections ?? 8,
    connectionTimeoutMillis: 10_000,
    idleTimeoutMillis: 30_000,
    statement_timeout: statementTimeout,
    query_timeout: statementTimeout + 5_000,
    idle_in_transaction_session_timeout: 60_000,
    keepAlive: true,
    application_name: 'commucat',
    // The server's half of it: the lock of a host that vanished must not stay for hours.
    options: '-c tcp_keepalives_idle=30 -c tcp_keepalives_interval=10 -c tcp_keepalives_count=3',
    allowExitOnIdle: true,
    types,
  });
  pool.on('error', options.onIdleError);
  return pool;
}
