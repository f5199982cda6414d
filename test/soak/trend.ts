export interface Sample {
  /** Seconds since the load began. */
  readonly at: number;
  readonly value: number;
}

export interface Trend {
  readonly mean: number;
  /** What the straight line through the samples gains from the first to the last. */
  readonly growth: number;
  /** `growth` as a share of the mean. */
  readonly share: number;
}

/** The straight line through samples (least squares). A sawtooth has none; a leak has one. */
export function trendOf(samples: readonly Sample[]): Trend {
  const count = samples.length;
  if (count < 2) return { mean: samples[0]?.value ?? 0, growth: 0, share: 0 };
  const meanAt = samples.reduce((sum, { at }) => sum + at, 0) / count;
  const mean = samples.reduce((sum, { value }) => sum + value, 0) / count;
  let covariance = 0;
  let variance = 0;
  for (const { at, value } of samples) {
    covariance += (at - meanAt) * (value - mean);
    variance += (at - meanAt) ** 2;
  }
  const span = (samples.at(-1)?.at ?? 0) - (samples[0]?.at ?? 0);
  const growth = variance === 0 ? 0 : (covariance / variance) * span;
  return { mean, growth, share: mean === 0 ? 0 : growth / mean };
}
