import type { FuzzTarget } from '../target.ts';
import type { Coverage } from './coverage.ts';

/**
 * The inputs, the shortest first, of which each reaches a branch, or one of the classes of its count, that no shorter one
 * reaches. `coverage` must be fresh. Inputs that fail are left out.
 */
export function smallestSet(
  target: FuzzTarget,
  coverage: Coverage,
  inputs: readonly Uint8Array[],
  limit: number,
): Uint8Array[] {
  const kept: { readonly data: Uint8Array; readonly fresh: number; readonly edges: number }[] = [];
  for (const data of [...inputs].sort((a, b) => a.length - b.length)) {
    coverage.reset();
    const edges = coverage.edges;
    if (!passes(target, data)) continue;
    const fresh = coverage.merge();
    if (fresh > 0) kept.push({ data, fresh, edges: coverage.edges - edges });
  }
  kept.sort((a, b) => b.edges - a.edges || b.fresh - a.fresh || a.data.length - b.data.length);
  return kept.slice(0, limit).map(({ data }) => data);
}

function passes(target: FuzzTarget, data: Uint8Array): boolean {
  try {
    target.run(Uint8Array.from(data));
    return true;
  } catch {
    return false; // A finding is reported where it is found; it is no part of a corpus that must pass.
  }
}
