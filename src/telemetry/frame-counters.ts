import { FRAME_TYPES, type FrameName } from '../protocol/frames/frame-types.ts';
import type { CounterHandle, Metrics } from './metrics.ts';

type ByFrameType =
  | 'commucat_frames_ingress'
  | 'commucat_frames_egress'
  | 'commucat_frames_withheld_total'
  | 'commucat_frames_dropped_total';

/** The counters of a metric that has one per frame type, indexed by the type's code; codes without a type have none. */
export function frameCounters(metrics: Metrics, name: ByFrameType): readonly (CounterHandle | undefined)[] {
  return FRAME_TYPES.map((frameType) =>
    frameType === undefined
      ? undefined
      : metrics.counter(name, { type: frameType.name.toLowerCase() as Lowercase<FrameName> }),
  );
}
