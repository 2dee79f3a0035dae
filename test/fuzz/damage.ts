// Prepares damaged files, one after the other, and reports in JSON lines how each ended. Run by main.ts in a process of
// its own, so that a crash of a native library is seen, and not suffered. Which files: a JSON list on standard input.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { hashName, parseRecipe, randomStream, StillhouseError } from '@stillhouse/core';
import { BlockReader, prepareDataset } from '@stillhouse/datasets';
import { writeFixtures } from '../fixtures.js';
import { damaged } from './damaged.js';
import { formats } from './formats.js';

const print = (entry: object): void => void process.stdout.write(`${JSON.stringify(entry)}\n`);

async function outcomeOf(name: string, folder: string): Promise<string> {
  const { data, loss } = formats.find((each) => each.name === name)!;
  const recipe = parseRecipe({ data, loss, teacher: { model: { layers: [{ dense: 1 }] } } });
  try {
    const { manifest, blocks } = await prepareDataset(
      recipe,
      { recipeFolder: folder, dataFolders: [] },
      { folder: join(folder, 'prepared') },
    );
    const set = manifest.sets.large!;
    const { x, y } = await new BlockReader(manifest, async (hash) => (await blocks.read(hash))!).read(
      set,
      Array.from({ length: set.rowCount }, (_, i) => i),
    );
    return [...x, ...y].every(Number.isFinite) ? 'read' : 'not finite';
  } catch (error) {
    return error instanceof StillhouseError
      ? error.code
      : `bug: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`;
  }
}

const folder = mkdtempSync(join(tmpdir(), 'stillhouse-fuzz-'));
await writeFixtures(folder);
for (const { name, input } of JSON.parse(readFileSync(0, 'utf8')) as { name: string; input: number }[]) {
  const path = join(folder, formats.find((each) => each.name === name)!.file);
  const sound = readFileSync(path);
  writeFileSync(path, damaged(sound, randomStream(hashName(name), input)));
  print({ input });
  print({ input, outcome: await outcomeOf(name, folder) });
  writeFileSync(path, sound);
  rmSync(join(folder, 'prepared'), { recursive: true, force: true });
}
rmSync(folder, { recursive: true, force: true });
