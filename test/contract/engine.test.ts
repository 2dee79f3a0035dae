// The contract of engines: TFJS on the backends that are built in, and the simulation's toy. test/engines has it for
// those that are installed.
import { describe } from 'vitest';
import { engineContract } from '@stillhouse/contract';
import { randomStream } from '@stillhouse/core';
import { systemClock } from '@stillhouse/transport';
import { ToyEngine } from '../simulation/toy-engine.js';
import { runContract } from './contract.js';
import { fetchBlock, job, phase, tfjsContract } from './engine-job.js';

describe.each(['wasm', 'cpu'] as const)('TFJS on %s', (backend) => runContract(tfjsContract(backend)));

describe('the toy', () =>
  runContract(
    engineContract(() => {
      const random = randomStream(1);
      const model = { parameters: 17, otherWeights: 3 };
      const options = { clock: systemClock, speedMs: () => 0, random, observer: { onCompute: () => {} }, fetchBlock };
      return { engine: new ToyEngine(job, model, options), phase };
    }),
  ));
