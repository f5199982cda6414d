import type { Client } from 'pg';
import { errorWords } from '../kit/describe-error.ts';
import { modelStates } from '../projections/model-states.ts';
import { type Finding, fail, leftOut, ok } from './finding.ts';

const CHECK = 'read models';
const REBUILD =
  'are they of another server (storage.postgres_dsn)? If not, start the server anew, or stop it and run commucat projections rebuild: they are built again from the log';

/** Whether the read models were made from the log that is there, and go on. Changes nothing. */
export async function checkReadModels(client: Client, dataDir: string): Promise<Finding> {
  try {
    const states = (await modelStates(client, dataDir)).filter(({ position }) => position > 0);
    if (states.length === 0) return leftOut(CHECK, 'they have read nothing yet');
    const foreign = states.flatMap(({ misfit, projection }) =>
      misfit === undefined ? [] : [`${projection}: ${misfit}`],
    );
    if (foreign.length > 0) {
      return fail(CHECK, `they do not belong to the log: ${foreign.join('; ')}`, REBUILD);
    }
    const stopped = states.flatMap(({ error, projection }) =>
      error === undefined ? [] : [`${projection} stands still: ${error}`],
    );
    if (stopped.length > 0) return fail(CHECK, stopped.join('; '), 'look at the log of the server');
    const least = Math.min(...states.map(({ position }) => position));
    const most = Math.max(...states.map(({ position, lag }) => position + lag));
    return ok(CHECK, `they belong to the log, and are at position ${least} of ${most}`);
  } catch (error) {
    return leftOut(CHECK, errorWords(error));
  }
}
