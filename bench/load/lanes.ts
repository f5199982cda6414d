/** Work under way at once when a load is set up: the server is busy, and no deadline passes in a queue. */
const LANES = 16;

/** The results of `count` operations, a few of them at a time. @throws what the first operation that fails throws */
export async function inLanes<T>(
  count: number,
  operation: (index: number) => Promise<T>,
): Promise<readonly T[]> {
  const results: T[] = [];
  let begun = 0;
  const lane = async (): Promise<void> => {
    while (begun < count) {
      const index = begun;
      begun += 1;
      results[index] = await operation(index);
    }
  };
  await Promise.all(Array.from({ length: Math.min(LANES, count) }, lane));
  return results;
}
