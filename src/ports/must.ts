/**
 * A value that is there unless an invariant is broken: better no answer than a wrong number on disk.
 *
 * @param what names the value
 * @throws RangeError when it is not there
 */
export function must<T>(value: T | undefined, what: string): T {
  if (value === undefined) throw new RangeError(`${what} is missing`);
  return value;
}
