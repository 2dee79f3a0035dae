// The contract of places where a run is kept: a folder on disk, and the simulation's disk.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe } from 'vitest';
import { runStoreContract } from '@stillhouse/contract';
import { RunFolder } from '@stillhouse/coordinator';
import { randomStream } from '@stillhouse/core';
import { SimDisk } from '../simulation/disk.js';
import { Network, SimProcess, VirtualClock } from '../simulation/network.js';
import { runContract } from './contract.js';

describe('RunFolder', () =>
  runContract(
    runStoreContract(() => {
      const path = mkdtempSync(join(tmpdir(), 'stillhouse-store-'));
      const store = RunFolder.create(join(path, 'run'));
      return {
        store,
        journal: () => store.readJournal(),
        close: async () => rmSync(path, { recursive: true, force: true }),
      };
    }),
  ));

describe('SimDisk', () =>
  runContract(
    runStoreContract(() => {
      const disk = new SimDisk(randomStream(1), () => {});
      const network = new Network(new VirtualClock(), 1, { minDelayMs: 1, maxDelayMs: 1, duplicates: 0, losses: 0 });
      const process = new SimProcess('host', network, { rate: 1, offsetMs: 0 });
      return { store: disk.storeOf(process), journal: () => disk.journal() };
    }),
  ));
