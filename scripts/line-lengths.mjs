// A line of code, comment or text has at most 120 characters, unless a URL makes it longer. Prettier breaks code only.
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './test-results.mjs';

const longest = 120;
const files = ['ls-files', '*.ts', '*.mjs', '*.js', ':!packages/worker/assembly'];
for (const path of execFileSync('git', files, { cwd: root, encoding: 'utf8' }).trim().split('\n')) {
  if (!existsSync(join(root, path))) continue;
  for (const [i, line] of readFileSync(join(root, path), 'utf8').split('\n').entries()) {
    if (line.length <= longest || /\w:\/\//.test(line)) continue;
    console.log(`${path}:${i + 1}: ${line.length} characters`);
    process.exitCode = 1;
  }
}
