import { Kysely, PostgresDialect, type Transaction } from 'kysely';
import type pg from 'pg';
import type { ReadModels } from '../tables/schema.ts';

/** "CommuCat", then the lock's number. One runner per database. */
const LOCK = [0x436f_6d6d, 1] as const;

/**
 * The one connection that may write the read models: it holds the advisory lock, and all writing goes through it. When it
 * breaks, lock and unfinished transaction are gone together, so two servers never both write.
 */
export class Leadership implements AsyncDisposable {
  readonly #client: pg.PoolClient;
  readonly #db: Kysely<ReadModels>;
  readonly #lost = new AbortController();

  private constructor(client: pg.PoolClient) {
    this.#client = client;
    client.on('error', (error) => this.#lost.abort(error));
    client.once('end', () => this.#lost.abort(new Error('the connection to PostgreSQL was closed')));
    const borrowed = { query: client.query.bind(client), release: () => undefined };
    const pool = { connect: async () => borrowed, end: async () => undefined };
    this.#db = new Kysely<ReadModels>({ dialect: new PostgresDialect({ pool: pool as unknown as pg.Pool }) });
  }

  /** `undefined` when another connection holds the lock. */
  static async acquire(pool: pg.Pool): Promise<Leadership | undefined> {
    const client = await pool.connect();
    try {
      const { rows } = await client.query<{ held: boolean }>('select pg_try_advisory_lock($1, $2) as held', [
        ...LOCK,
      ]);
      if (rows[0]?.held === true) return new Leadership(client);
    } catch (error) {
      client.release(true);
      throw error;
    }
    client.release();
    return undefined;
  }

  /** Aborted when the lock is gone. */
  get lost(): AbortSignal {
    return this.#lost.signal;
  }

  transaction<T>(work: (db: Transaction<ReadModels>) => Promise<T>): Promise<T> {
    return this.#db.transaction().execute(work);
  }

  /** Gives the lock back and closes the connection, which would give it back too, only later. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (!this.lost.aborted) {
      await this.#client.query('select pg_advisory_unlock($1, $2)', [...LOCK]).catch((error: unknown) => {
        this.#lost.abort(error);
      });
    }
    this.#client.release(true);
  }
}
