// What shells complete, asked of bash itself.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';
import { completionScript, placesOf } from './completion.js';
import { createProgram } from './program.js';

const folder = mkdtempSync(join(tmpdir(), 'stillhouse-completion-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const script = join(folder, 'script');

/** What bash offers for the last word of a line. */
function offered(...words: string[]): string[] {
  writeFileSync(script, completionScript(createProgram(), 'bash'));
  const ask =
    `source ${script}; COMP_WORDS=(stillhouse "$@"); COMP_CWORD=$#; _stillhouse; ` +
    `printf '%s\\n' "\${COMPREPLY[@]}"`;
  const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', ask, 'bash', ...words], {
    encoding: 'utf8',
    cwd: folder,
  });
  expect(stderr).toBe('');
  return stdout.split('\n').filter((line) => line !== '');
}

test('bash completes commands, commands of a group, options, their values, and files', () => {
  expect(offered('ge')).toEqual(['generations']);
  expect(offered('data', '')).toEqual(expect.arrayContaining(['fetch', 'inspect', 'prepare']));
  expect(offered('run', '--heart')).toEqual(['--heartbeat-timeout']);
  expect(offered('run', '--backend', 'w')).toEqual(['webgpu', 'wasm']);
  expect(offered('schema', 'r')).toEqual(['recipe', 'run']);
  expect(offered('run', 'scr')).toEqual(['script']);
  expect(offered('run', '--out', 'scr')).toEqual(['script']);
});

test('every command and every option of a command is in the scripts', () => {
  const program = createProgram();
  const places = placesOf(program);
  expect(places.map(({ path }) => path.join(' '))).toEqual(expect.arrayContaining(['', 'run', 'data fetch']));
  const [bash, fish] = [completionScript(program, 'bash'), completionScript(program, 'fish')];
  expect(completionScript(program, 'zsh')).toContain(bash);
  for (const { path, options } of places) {
    const words = bash
      .split('\n')
      .find((line) => line.startsWith(`    "${path.map((name) => ` ${name}`).join('')}") `));
    for (const flag of options.flatMap(({ flags }) => flags).filter((each) => each.startsWith('--'))) {
      expect(words).toContain(flag);
      expect(fish).toContain(`-l ${flag.slice(2)}`);
    }
  }
});
