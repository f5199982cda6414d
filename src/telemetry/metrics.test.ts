import assert from 'node:assert/strict';
import { test } from 'node:test';
import { FRAME } from '../protocol/frames/frame-types.ts';
import { createMetrics, frameCounters, sumOfCounts } from './index.ts';
import { MetricFamily } from './metric-family.ts';
import { METRICS, OPEN_LABEL_LIMIT } from './metric-table.ts';

async function sample(
  metrics: ReturnType<typeof createMetrics>,
  series: string,
): Promise<string | undefined> {
  const lines = (await metrics.expose()).split('\n');
  return lines.find((line) => line.startsWith(`${series} `))?.slice(series.length + 1);
}

test('given nothing has happened, when metrics are exposed, then each one of the table has its HELP and TYPE', async () => {
  const text = await createMetrics().expose();
  for (const [name, metric] of Object.entries(METRICS)) {
    assert.ok(text.includes(`# HELP ${name} ${metric.help}`), name);
    assert.ok(text.includes(`# TYPE ${name} ${metric.type}`), name);
  }
});

test('given a counter handle, when it is added to, then two scrapes both show the sum', async () => {
  const metrics = createMetrics();
  const handle = metrics.counter('commucat_handshakes_total', { pattern: 'XK', result: 'established' });
  handle.add();
  handle.add(2);
  const series = 'commucat_handshakes_total{pattern="XK",result="established"}';
  assert.equal(await sample(metrics, series), '3');
  assert.equal(await sample(metrics, series), '3');
  assert.equal(await sample(metrics, 'commucat_handshakes_total{pattern="IK",result="rejected"}'), '0');
});

test('given two handles for the same labels, when both count, then they share one number', async () => {
  const metrics = createMetrics();
  metrics.counter('commucat_relay_posted_total').add();
  metrics.counter('commucat_relay_posted_total').add();
  assert.equal(await sample(metrics, 'commucat_relay_posted_total'), '2');
});

test('given a gauge, when it is set, moved or read from a source, then the scrape shows the last word', async () => {
  const metrics = createMetrics();
  const gauge = metrics.gauge('commucat_calls_active');
  gauge.set(5);
  gauge.add(-2);
  let position = 7;
  metrics.gaugeFrom('commucat_log_head_position', () => position);
  assert.equal(await sample(metrics, 'commucat_calls_active'), '3');
  assert.equal(await sample(metrics, 'commucat_log_head_position'), '7');
  position = 8;
  assert.equal(await sample(metrics, 'commucat_log_head_position'), '8');
});

test('given a histogram, when a value is observed, then it is in its bucket and in the sum', async () => {
  const metrics = createMetrics();
  metrics.histogram('commucat_log_flush_events').observe(3);
  assert.equal(await sample(metrics, 'commucat_log_flush_events_bucket{le="2"}'), '0');
  assert.equal(await sample(metrics, 'commucat_log_flush_events_bucket{le="4"}'), '1');
  assert.equal(await sample(metrics, 'commucat_log_flush_events_sum'), '3');
});

test('given endless different reasons, when they are counted, then the number of series stays bounded and nothing is lost', () => {
  const family = new MetricFamily(METRICS.commucat_sessions_closed_total);
  for (let index = 0; index < 1000; index += 1) family.tally({ reason: `reason ${index}` }).add();
  const samples = [...family.samples()];
  assert.equal(samples.length, OPEN_LABEL_LIMIT + 1);
  const counted = samples.reduce((sum, [, value]) => sum + value, 0);
  assert.equal(counted, 1000);
});

test('given a label value that the table does not list, when it is asked for, then that is an error', () => {
  const family = new MetricFamily(METRICS.commucat_connections_active);
  assert.throws(() => family.tally({ generation: 'third' }), TypeError);
  assert.throws(() => family.tally({}), TypeError);
});

test('given the counters by frame type, when a frame is counted by its code, then its label is counted', async () => {
  const metrics = createMetrics();
  frameCounters(metrics, 'commucat_frames_ingress')[FRAME.MSG]?.add();
  assert.equal(await sample(metrics, 'commucat_frames_ingress{type="msg"}'), '1');
});

test('given process metrics, when they are exposed, then the delay of the event loop is among them', async () => {
  const text = await createMetrics({ processMetrics: true }).expose();
  assert.ok(text.includes('nodejs_eventloop_lag_seconds'));
});

test('given the same metrics in several threads, when they are exposed together, then counts are added up and the process is shown once', async () => {
  const ours = createMetrics({ processMetrics: true });
  const theirs = createMetrics();
  for (const [index, metrics] of [ours, theirs].entries()) {
    metrics.counter('commucat_errors_sent_total', { code: 'storage' }).add(2);
    metrics.histogram('commucat_handshake_seconds').observe(0.02);
    metrics.gauge('commucat_rate_limit_addresses', { scope: 'http' }).set(3);
    metrics.gaugeFrom('commucat_tls_certificate_expires_seconds', () => 100 + index);
  }
  const snapshot = structuredClone(await theirs.snapshot());
  const page = await ours.expose([snapshot]);
  assert.match(page, /^commucat_errors_sent_total\{code="storage"\} 4$/m);
  assert.match(page, /^commucat_handshake_seconds_count 2$/m);
  assert.match(page, /^commucat_rate_limit_addresses\{scope="http"\} 6$/m);
  assert.match(page, /^commucat_tls_certificate_expires_seconds 101$/m);
  assert.equal(page.match(/^process_resident_memory_bytes /gm)?.length, 1);
  assert.equal(page.match(/^# TYPE nodejs_version_info /gm)?.length, 1);
});

test('given threads that are gone, when what they counted is summed up, then counts stay and gauges do not', async () => {
  const first = createMetrics();
  const second = createMetrics();
  for (const metrics of [first, second]) {
    metrics.counter('commucat_slow_peers_closed_total').add(1);
    metrics.gauge('commucat_rate_limit_addresses', { scope: 'http' }).set(3);
  }
  const gone = await sumOfCounts([await first.snapshot(), await second.snapshot()]);
  const page = await createMetrics().expose([structuredClone(gone)]);
  assert.match(page, /^commucat_slow_peers_closed_total 2$/m);
  assert.match(page, /^commucat_rate_limit_addresses\{scope="http"\} 0$/m);
});
