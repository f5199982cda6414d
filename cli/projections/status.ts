import { Client } from 'pg';
import type { Config } from '../../src/config/index.ts';
import { withDatabase } from './database.ts';
import { type ModelState, modelStates } from './model-states.ts';

const TIMEOUT = 5000;

/** Where the read models are, also while their server runs; undefined where the configuration wants none. */
export function readModelStatus(config: Config): Promise<readonly ModelState[] | undefined> {
  return withDatabase(config, async ({ dsn }) => {
    const client = new Client({
      connectionString: dsn,
      connectionTimeoutMillis: TIMEOUT,
      query_timeout: TIMEOUT,
    });
    // It also rejects the call that waits for it.
    client.on('error', () => undefined);
    try {
      await client.connect();
      return await modelStates(client, config.storage.dataDir);
    } finally {
      await client.end();
    }
  });
}
