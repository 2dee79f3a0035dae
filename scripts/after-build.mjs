// Puts the licence, and for the command line the README, into the built package: npm packs what is there.
import { copyFileSync, readFileSync } from 'node:fs';

const root = new URL('..', import.meta.url);
const { name } = JSON.parse(readFileSync('package.json', 'utf8'));
for (const file of ['LICENSE', ...(name === 'stillhouse' ? ['README.md'] : [])])
  copyFileSync(new URL(file, root), file);
