import { LIMIT_TABLE, type Limit, type LimitSection } from '../limits/index.ts';
import { integer } from './key.ts';

type Table = typeof LIMIT_TABLE;

/** The keys of one section that the table of limits defines. */
export type LimitKeys<S extends LimitSection> = {
  readonly [N in keyof Table as Table[N] extends { readonly section: S } ? N : never]: ReturnType<
    typeof integer
  >;
};

export function limitKeys<S extends LimitSection>(section: S): LimitKeys<S> {
  const keys = Object.entries<Limit>(LIMIT_TABLE).flatMap(([name, limit]) =>
    limit.section === section && limit.range !== undefined
      ? [
          [
            name,
            integer(
              limit.value,
              limit.range,
              docOf(limit),
              limit.env === undefined ? {} : { env: limit.env },
            ),
          ],
        ]
      : [],
  );
  // The names are those of the table whose section is S: the type says the same.
  return Object.fromEntries(keys) as LimitKeys<S>;
}

function docOf({ doc, atLimit }: Limit): string {
  return `${doc} At the limit: ${atLimit}.`;
}
