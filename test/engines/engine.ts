// The engines that `npm run setup:engines` has installed, if it has.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from '../e2e/cli.js';

export const cache = join(root, 'node_modules/.cache/stillhouse-native');
const folder = join(cache, 'tensorflow');

/** The folder of TensorFlow's. */
export const engine = existsSync(folder)
  ? readdirSync(folder)
      .map((name) => join(folder, name))
      .find((each) => existsSync(join(each, 'engine.json')))
  : undefined;

export const skipped = 'skipped without the engine: npm run setup:engines';
