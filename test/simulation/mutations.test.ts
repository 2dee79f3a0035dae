// Each planted bug has its place in the sources: they are planted at night, and a place that has moved shows at once.
import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { mutations } from './mutations.js';

test.each(mutations)('the source has one place for the bug $bug', ({ file, find }) => {
  const source = readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
  expect(source.split(find)).toHaveLength(2);
});
