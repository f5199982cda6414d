import { renderActorsPage } from '../cli/pages/actors-page.ts';
import { renderConfigurationPage } from '../src/config/configuration-page.ts';
import { renderMetricsPage } from '../src/telemetry/metrics-page.ts';
import { renderLimitsPage } from './limits-page.ts';

/** The pages of `docs/` that come from tables in the code, by name. */
export const generatedPages: ReadonlyMap<string, () => string> = new Map([
  ['actors', renderActorsPage],
  ['configuration', renderConfigurationPage],
  ['limits', renderLimitsPage],
  ['metrics', renderMetricsPage],
]);
