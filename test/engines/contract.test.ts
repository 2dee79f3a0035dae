// The contract of engines for those that are installed.
import { describe } from 'vitest';
import { installedEngines } from '@stillhouse/native';
import { loadWebgpu } from '@stillhouse/native/engines';
import { runContract } from '../contract/contract.js';
import { tfjsContract } from '../contract/engine-job.js';
import { isNight, onlyAtNight } from '../e2e/cli.js';
import { cache, engine, skipped } from './engine.js';

process.env['STILLHOUSE_CACHE'] = cache;

describe.skipIf(!engine)(`TFJS on tensorflow (${skipped})`, () => runContract(tfjsContract('tensorflow')));

const gpu = installedEngines(process.env, 'webgpu').length > 0 ? await loadWebgpu().catch(() => undefined) : undefined;
const withoutGpu =
  '(skipped without it: npm run setup:engines, and a GPU or ' +
  'VK_ICD_FILENAMES=/usr/lib/chromium/vk_swiftshader_icd.json)';

// A GPU in software is slow.
describe.skipIf(!gpu || (gpu.isSoftware && !isNight))(
  `TFJS on webgpu ${gpu?.isSoftware ? onlyAtNight : withoutGpu}`,
  () => runContract(tfjsContract('webgpu')),
);
