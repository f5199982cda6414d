import { type Fact, foldingProjection } from '../engine/folding-projection.ts';
import { insertRows, nullableText, text, timestamp } from '../tables/rows.ts';
import type { UserRow } from '../tables/schema.ts';

/** Table `users`: who is registered, and the newest profile. */
export const usersProjection = foldingProjection<UserRow>(
  {
    name: 'users',
    version: 1,
    tables: ['users'],
    categories: ['user', 'profile', 'handle'],
    types: ['user.registered', 'user.profile_changed'],
  },
  {
    async load(db, keys) {
      const rows = await db
        .selectFrom('users')
        .selectAll()
        .where('user_id', 'in', [...keys])
        .execute();
      return new Map(rows.map((row) => [row.user_id, row]));
    },
    evolve: evolveUser,
    async store(db, states) {
      await db
        .deleteFrom('users')
        .where('user_id', 'in', [...states.keys()])
        .execute();
      await insertRows(
        db,
        'users',
        [...states.values()].filter((row) => row !== undefined),
      );
    },
  },
);

export function evolveUser(row: UserRow | undefined, { event, key, at }: Fact): UserRow | undefined {
  switch (event.type) {
    case 'user.registered':
      return {
        user_id: key,
        handle: text(event.handle),
        domain: text(event.domain),
        display_name: nullableText(event.displayName),
        avatar_url: nullableText(event.avatarUrl),
        registered_at: timestamp(at),
        updated_at: timestamp(at),
      };
    case 'user.profile_changed':
      return (
        row && {
          ...row,
          display_name: nullableText(event.displayName),
          avatar_url: nullableText(event.avatarUrl),
          updated_at: timestamp(at),
        }
      );
    default:
      return row;
  }
}
