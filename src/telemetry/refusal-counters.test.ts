import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createMetrics, type Metrics } from './metrics.ts';
import { refusalCounters } from './refusal-counters.ts';

test('given a limit that is reached and an error that is sent over and over, then all are counted, and each counter is looked up once', async () => {
  const metrics = createMetrics();
  let lookups = 0;
  const counter: Metrics['counter'] = (...name) => {
    lookups += 1;
    return metrics.counter(...name);
  };
  const refusals = refusalCounters({ counter });
  for (let count = 0; count < 1_000; count += 1) {
    refusals.limitReached('mailboxBytes');
    refusals.errorSent('mailbox_full');
  }
  assert.equal(lookups, 2);
  const page = await metrics.expose();
  assert.match(page, /^commucat_limit_reached_total\{limit="mailbox_bytes"\} 1000$/m);
  assert.match(page, /^commucat_errors_sent_total\{code="mailbox_full"\} 1000$/m);
});
