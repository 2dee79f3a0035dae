// Downloads well-known data sets for a user, verified by the SHA-256 of their uncompressed bytes.
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { messageOf, StillhouseError } from '@stillhouse/core';
import { sha256 } from '../file/sha256.js';
import { writeWhole } from '../file/write-whole.js';

interface DatasetSource {
  /** Folder addresses; the first that answers with the right bytes is used. */
  readonly mirrors: readonly string[];
  /** SHA-256 of each uncompressed file. */
  readonly files: Readonly<Record<string, string>>;
}

export const knownDatasets = {
  mnist: {
    mirrors: ['https://ossci-datasets.s3.amazonaws.com/mnist/', 'https://storage.googleapis.com/cvdf-datasets/mnist/'],
    files: {
      'train-images-idx3-ubyte.gz': 'ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db',
      'train-labels-idx1-ubyte.gz': '65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5',
      't10k-images-idx3-ubyte.gz': '0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7',
      't10k-labels-idx1-ubyte.gz': 'ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2',
    },
  },
  'fashion-mnist': {
    mirrors: [
      'https://github.com/zalandoresearch/fashion-mnist/raw/master/data/fashion/',
      'http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/',
    ],
    files: {
      'train-images-idx3-ubyte.gz': 'c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888',
      'train-labels-idx1-ubyte.gz': 'bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9',
      't10k-images-idx3-ubyte.gz': '5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b',
      't10k-labels-idx1-ubyte.gz': '0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34',
    },
  },
} as const satisfies Record<string, DatasetSource>;

export type KnownDataset = keyof typeof knownDatasets;

const downloadTimeoutMs = 300_000;

function contentHash(bytes: Uint8Array): string | undefined {
  try {
    return sha256(gunzipSync(bytes));
  } catch {
    return undefined;
  }
}

async function downloadFile(file: string, mirrors: readonly string[], expected: string): Promise<Uint8Array> {
  const reasons: string[] = [];
  let corrupt = false;
  for (const mirror of mirrors) {
    const address = new URL(file, mirror).href;
    try {
      const response = await fetch(address, { signal: AbortSignal.timeout(downloadTimeoutMs) });
      if (!response.ok) throw new Error(`HTTP ${response.status}`);
      const bytes = new Uint8Array(await response.arrayBuffer());
      if (contentHash(bytes) === expected) return bytes;
      corrupt = true;
      reasons.push(`${address}: not the expected bytes`);
    } catch (error) {
      const cause = error instanceof Error && error.cause instanceof Error ? `: ${error.cause.message}` : '';
      reasons.push(`${address}: ${messageOf(error)}${cause}`);
    }
  }
  throw new StillhouseError(
    corrupt ? 'DATA_CHECKSUM' : 'DATA_DOWNLOAD',
    `${file} could not be downloaded (${reasons.join('; ')})`,
  );
}

/**
 * Puts a data set's files into `folder/name`. Correct files that are there already are kept.
 * @param onFile called for each file once it is in place
 * @throws StillhouseError DATA_DOWNLOAD, DATA_CHECKSUM
 */
export async function downloadDataset(
  name: KnownDataset,
  folder: string,
  options: { mirror?: string; onFile?: (file: string, bytes: number, kept: boolean) => void } = {},
): Promise<string> {
  const { mirrors, files }: DatasetSource = knownDatasets[name];
  const target = join(folder, name);
  try {
    mkdirSync(target, { recursive: true });
  } catch (cause) {
    throw new StillhouseError('OUT_UNWRITABLE', `${target} cannot be created`, {
      cause,
      next: 'Set STILLHOUSE_DATA to a folder that you may write to.',
    });
  }
  for (const [file, expected] of Object.entries(files)) {
    const path = join(target, file);
    if (existsSync(path)) {
      const present = readFileSync(path);
      if (contentHash(present) === expected) {
        options.onFile?.(path, present.byteLength, true);
        continue;
      }
    }
    const bytes = await downloadFile(file, options.mirror ? [options.mirror.replace(/\/?$/, '/')] : mirrors, expected);
    writeWhole(path, bytes);
    options.onFile?.(path, bytes.byteLength, false);
  }
  return target;
}
