export { createForwardingLogger, type LogLine, writeForwarded } from './forwarding-logger.ts';
export { frameCounters } from './frame-counters.ts';
export { LogOutput } from './log-output.ts';
export { createLogger, type Logger, type LoggerOptions, type LogLevel, sessionTag } from './logger.ts';
export {
  type CounterHandle,
  createMetrics,
  type GaugeHandle,
  type HistogramHandle,
  type Metrics,
  type MetricsOptions,
  type MetricsSnapshot,
  sumOfCounts,
} from './metrics.ts';
export { NAME_KEY_BYTES, NAME_KEY_FILE, NameTags } from './name-tags.ts';
export { type RefusalCounters, refusalCounters } from './refusal-counters.ts';
