import { type Fact, foldingProjection } from '../engine/folding-projection.ts';
import { insertRows, json, retainedSince, text, timestamp } from '../tables/rows.ts';
import type { SessionRow } from '../tables/schema.ts';

/**
 * Table `sessions`. The log keeps sessions for some days only; rows go by the same rule, so that a rebuild from what
 * the log still has gives the same rows.
 */
export const sessionsProjection = foldingProjection<SessionRow>(
  {
    name: 'sessions',
    version: 1,
    tables: ['sessions'],
    categories: ['session', 'audit'],
    types: ['session.opened', 'session.closed'],
  },
  {
    async load(db, keys) {
      const rows = await db
        .selectFrom('sessions')
        .selectAll()
        .where('session_hash', 'in', [...keys])
        .execute();
      return new Map(
        rows.map((row) => [row.session_hash, { ...row, capabilities: JSON.stringify(row.capabilities) }]),
      );
    },
    evolve: evolveSession,
    async store(db, states) {
      await db
        .deleteFrom('sessions')
        .where('session_hash', 'in', [...states.keys()])
        .execute();
      await insertRows(
        db,
        'sessions',
        [...states.values()].filter((row) => row !== undefined),
      );
    },
    async purge(db, horizon) {
      const oldest = retainedSince('session', horizon);
      if (oldest !== undefined) await db.deleteFrom('sessions').where('opened_at', '<=', oldest).execute();
    },
  },
);

export function evolveSession(row: SessionRow | undefined, { event, key, at }: Fact): SessionRow | undefined {
  switch (event.type) {
    case 'session.opened':
      return {
        session_hash: key,
        device_id: text(event.device),
        user_id: text(event.user),
        pattern: event.pattern,
        generation: event.generation,
        capabilities: json(event.capabilities),
        noise_key_version: event.noiseKeyVersion,
        opened_at: timestamp(at),
        closed_at: null,
        close_reason: null,
      };
    case 'session.closed':
      return row && { ...row, closed_at: timestamp(at), close_reason: text(event.reason) };
    default:
      return row;
  }
}
