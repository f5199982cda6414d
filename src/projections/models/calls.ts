import { type Fact, foldingProjection } from '../engine/folding-projection.ts';
import { insertRows, json, nullableText, retainedSince, text, timestamp } from '../tables/rows.ts';
import type { CallRow } from '../tables/schema.ts';

/**
 * Table `calls`: one row per call, without the participants' statistics and transport updates. Old rows go as the
 * log's own do.
 */
export const callsProjection = foldingProjection<CallRow>(
  {
    name: 'calls',
    version: 1,
    tables: ['calls'],
    categories: ['call'],
    types: ['call.offered', 'call.answered', 'call.ended'],
  },
  {
    async load(db, keys) {
      const rows = await db
        .selectFrom('calls')
        .selectAll()
        .where('call_key', 'in', [...keys])
        .execute();
      return new Map(
        rows.map((row) => [row.call_key, { ...row, participants: JSON.stringify(row.participants) }]),
      );
    },
    evolve: evolveCall,
    async store(db, states) {
      await db
        .deleteFrom('calls')
        .where('call_key', 'in', [...states.keys()])
        .execute();
      await insertRows(
        db,
        'calls',
        [...states.values()].filter((row) => row !== undefined),
      );
    },
    async purge(db, horizon) {
      const oldest = retainedSince('call', horizon);
      if (oldest !== undefined) await db.deleteFrom('calls').where('offered_at', '<=', oldest).execute();
    },
  },
);

export function evolveCall(row: CallRow | undefined, { event, key, at }: Fact): CallRow | undefined {
  switch (event.type) {
    case 'call.offered':
      return {
        call_key: key,
        call_id: text(event.call),
        channel_key: text(event.channel),
        initiator: text(event.initiator),
        participants: json(event.participants),
        mode: event.mode,
        video: event.video,
        offered_at: timestamp(at),
        answered_at: null,
        ended_at: null,
        end_reason: null,
      };
    case 'call.answered':
      if (!row || !event.accept || row.answered_at !== null) return row;
      return { ...row, answered_at: timestamp(at) };
    case 'call.ended':
      return row && { ...row, ended_at: timestamp(at), end_reason: nullableText(event.reason) };
    default:
      return row;
  }
}
