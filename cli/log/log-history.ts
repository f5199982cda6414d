import type { Config } from '../../src/config/index.ts';
import { sodiumBackend } from '../../src/crypto/index.ts';
import { openSegmentLog } from '../../src/log/segments/open-segment-log.ts';
import { recordHistory } from '../../src/log/segments/upkeep/record-history.ts';
import { toHex } from '../../src/protocol/bytes.ts';
import { loadServerKeys } from '../../src/server/server-keys.ts';
import { systemClock, systemRandom } from '../../src/system/index.ts';
import { logFolder } from './log-check.ts';

/** Begins a new history of the log of a data folder, by the operator's word. @throws LogError `LOG_LOCKED`, `LOG_LOST` */
export async function beginHistory(
  dataDir: string,
  acceptLoss: boolean,
): Promise<{ readonly epoch: string; readonly losses: readonly string[] }> {
  const directory = await logFolder(dataDir);
  await using log = await openSegmentLog({ directory, clock: systemClock, restored: true, acceptLoss });
  const { epoch, history, newestAt, losses } = log;
  await recordHistory(log, systemClock, { cause: history.cause, newestAt });
  return { epoch, losses };
}

/** Notes the present keys of a server in its log, by the operator's word; public parts, hex. @throws LogError `LOG_LOCKED` */
export async function acceptKeys(
  config: Config,
): Promise<{ readonly noise: string; readonly authority: string }> {
  const directory = await logFolder(config.storage.dataDir);
  await using log = await openSegmentLog({
    directory,
    clock: systemClock,
    segmentSize: config.log.segmentBytes,
  });
  await recordHistory(log, systemClock, { cause: log.history.cause, newestAt: log.newestAt });
  const { noise, authority } = await loadServerKeys({
    config,
    log,
    backend: sodiumBackend,
    clock: systemClock,
    random: systemRandom,
    accept: true,
  });
  return {
    noise: noise.map(({ keyPair }) => toHex(keyPair.publicKey)).join(' '),
    authority: toHex(authority.publicKey),
  };
}
