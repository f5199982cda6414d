import { get } from 'node:http';
import { addressOf, type Config, OPERATOR_DEFAULT } from '../../src/config/index.ts';
import { errorWords } from '../kit/describe-error.ts';
import { type Finding, fail, leftOut, ok, warn } from './finding.ts';

const DEADLINE_MS = 5_000;
const CHECK = 'operators';
const ADVICE = 'is the server running, and is server.operator_bind the address that it has?';

/** Whether the server says that it is ready, asked where operators ask it: no proxy stands in between. */
export async function checkOperators({ server }: Config): Promise<Finding> {
  const { operatorBind } = server;
  if (operatorBind === 'none') return leftOut(CHECK, 'server.operator_bind is "none"');
  const bind = operatorBind ?? OPERATOR_DEFAULT;
  const { host, port } = addressOf(bind);
  if (port === 0) return leftOut(CHECK, 'server.operator_bind leaves the port open');
  try {
    const health = JSON.parse((await fetchPage(host, port, '/healthz')).body) as Record<string, unknown>;
    const facts = `${bind}: version ${health.version}, ${health.connections} sessions`;
    const { status } = await fetchPage(host, port, '/readyz');
    return status === 200
      ? ok(CHECK, facts)
      : fail(CHECK, `${facts}, not ready`, 'look at the log of the server');
  } catch (error) {
    const detail = `${bind}: ${errorWords(error)}`;
    // The default one is not there when another server on this machine has it.
    return operatorBind === undefined ? warn(CHECK, detail, ADVICE) : fail(CHECK, detail, ADVICE);
  }
}

function fetchPage(
  host: string,
  port: number,
  path: string,
): Promise<{ readonly status: number | undefined; readonly body: string }> {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return new Promise((resolve, reject) => {
    const signal = AbortSignal.timeout(DEADLINE_MS);
    const request = get({ host: reachable, port, path, agent: false, signal }, (response) => {
      let body = '';
      response.setEncoding('utf8').on('data', (text: string) => {
        body += text;
      });
      response.once('end', () => resolve({ status: response.statusCode, body }));
      response.once('error', reject);
    });
    request.once('error', reject);
  });
}
