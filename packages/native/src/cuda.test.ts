import { mkdirSync, mkdtempSync, readFileSync, readlinkSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { cudaOf, cudaOfDriver, linksFor, missingLibraries } from './cuda-names.js';
import { isCarried } from './carried-file.js';
import { linkCuda, missingCuda, nvidiaRequirements } from './cuda.js';
import { whyNoGpu, type GpuFacts } from './gpu-use.js';

const scratch = mkdtempSync(join(tmpdir(), 'stillhouse-cuda-'));
afterAll(() => rmSync(scratch, { recursive: true, force: true }));

const of12 = [
  'libcublas.so.12',
  'libcublasLt.so.12',
  'libcufft.so.11',
  'libcusolver.so.11',
  'libcusparse.so.12',
  'libcudnn.so.9',
];
const of13 = [
  'libcublas.so.13',
  'libcublasLt.so.13',
  'libcufft.so.12',
  'libcusolver.so.12',
  'libcusparse.so.12',
  'libcudnn.so.9',
];

test('CUDA’s libraries are those of TensorFlow’s own extra, without the compiler', () => {
  const metadata = [
    'Name: tensorflow',
    'Requires-Dist: numpy>=1.26.0',
    'Requires-Dist: nvidia-cublas-cu12<13.0,>=12.5.3.2; extra == "and-cuda"',
    'Requires-Dist: nvidia-cuda-nvcc-cu12<13.0,>=12.5.82; extra == "and-cuda"',
    'Requires-Dist: nvidia-nccl-cu12 <3.0,>=2.27.7 ; extra == "and-cuda"',
    'Requires-Dist: nvidia-other; extra == "rocm"',
    '',
    'Requires nvidia-x',
  ].join('\n');
  expect(nvidiaRequirements(metadata)).toEqual(['nvidia-cublas-cu12<13.0,>=12.5.3.2', 'nvidia-nccl-cu12<3.0,>=2.27.7']);
  expect(nvidiaRequirements('')).toEqual([]);
});

test('a driver says which CUDA it has', () => {
  expect(['535.183.01', '575.51', '580.65.06', '610', ''].map(cudaOfDriver)).toEqual([12, 12, 13, 13, 12]);
});

describe('names of libraries', () => {
  test('those of CUDA 13 get the names that TensorFlow asks for; those of CUDA 12 have them', () => {
    expect(linksFor(of12)).toEqual([]);
    expect(linksFor([...of13, 'libcupti.so.13', 'libnccl.so.2'])).toEqual([
      { name: 'libcublas.so.12', target: 'libcublas.so.13' },
      { name: 'libcublasLt.so.12', target: 'libcublasLt.so.13' },
      { name: 'libcufft.so.11', target: 'libcufft.so.12' },
      { name: 'libcusolver.so.11', target: 'libcusolver.so.12' },
      { name: 'libcupti.so.12', target: 'libcupti.so.13' },
    ]);
  });

  test('a set of libraries is of a CUDA if nothing is missing but the runtime library', () => {
    expect(cudaOf(of12)).toBe(12);
    expect(cudaOf(of13)).toBe(13);
    for (const missing of of13) expect(cudaOf(of13.filter((name) => name !== missing))).toBeUndefined();
    expect(missingLibraries(of12)).toEqual(['libcudart.so.12']);
    expect(missingLibraries([])).toHaveLength(7);
  });
});

describe('libraries of a Python', () => {
  const python = (names: readonly string[]): string => {
    const nvidia = join(mkdtempSync(join(scratch, 'python-')), 'nvidia');
    for (const name of names) {
      const folder = join(nvidia, /cudnn/.test(name) ? 'cudnn' : 'cu13', 'lib');
      mkdirSync(folder, { recursive: true });
      writeFileSync(join(folder, name), name);
    }
    return nvidia;
  };
  const withDriver = (driver: string): NodeJS.ProcessEnv => {
    const bin = mkdtempSync(join(scratch, 'bin-'));
    writeFileSync(join(bin, 'nvidia-smi'), `#!/bin/sh\necho "GPU-a, NVIDIA H100, 81559 MiB, ${driver}, 9.0"\n`, {
      mode: 0o755,
    });
    return { PATH: `${bin}:/usr/bin:/bin` };
  };

  test('are linked where TensorFlow looks, under the names that it asks for; own files stay', () => {
    const engine = mkdtempSync(join(scratch, 'engine-'));
    mkdirSync(join(engine, 'nvidia', 'lib'), { recursive: true });
    writeFileSync(join(engine, 'nvidia', 'lib', 'libcudart.so.12'), 'own');
    expect(missingCuda(engine)).toHaveLength(7);
    const nvidia = python([...of13, 'libcudart.so.12', 'libnvrtc.so.13']);
    for (let time = 0; time < 2; time++) expect(linkCuda(engine, withDriver('580.95.05'), nvidia)).toBe(nvidia);
    expect(missingCuda(engine)).toEqual([]);
    const lib = join(engine, 'nvidia', 'cublas', 'lib');
    expect(readFileSync(join(lib, 'libcublas.so.12'), 'utf8')).toBe('libcublas.so.13');
    // Libraries find what they need next to themselves.
    expect(readFileSync(join(lib, 'libcudnn.so.9'), 'utf8')).toBe('libcudnn.so.9');
    expect(readFileSync(join(lib, 'libnvrtc.so.13'), 'utf8')).toBe('libnvrtc.so.13');
    expect(readFileSync(join(lib, 'libcudart.so.12'), 'utf8')).toBe('own');
    expect(realpathSync(join(engine, 'nvidia', 'cufft', 'lib'))).toBe(realpathSync(join(engine, 'nvidia', 'lib')));
    expect(readlinkSync(join(engine, 'nvidia', 'cufft', 'lib'))).toBe('../lib');
  });

  test.each([
    ['too new for the driver', '570.10', [...of13, 'libcudart.so.12'], /CUDA 12, which the driver has$/],
    ['incomplete', '580.10', of13.slice(1), /does not have all libraries .* CUDA 12 or 13$/],
    ['without the runtime library of CUDA 12', '580.10', of13, /does not have libcudart\.so\.12$/],
  ])('are refused if they are %s', (_, driver, names, sentence) => {
    const engine = mkdtempSync(join(scratch, 'engine-'));
    expect(() => linkCuda(engine, withDriver(driver), python(names))).toThrow(
      expect.objectContaining({ code: 'BACKEND_SOURCE', message: expect.stringMatching(sentence) as string }),
    );
  });

  test('are asked for by a folder that exists', () => {
    expect(() => linkCuda(scratch, withDriver('580'), join(scratch, 'none'))).toThrow(/none does not exist/);
  });
});

const gpu = {
  uuid: 'GPU-a',
  name: 'NVIDIA H100',
  memory: '81559 MiB',
  driver: '580.95.05',
  computeCapability: '9.0',
};

test.each<[string, Partial<GpuFacts>, RegExp]>([
  ['there is no driver', { gpus: [], visible: [] }, /^no NVIDIA driver answers/],
  ['a setting hides them', { visible: [] }, /^CUDA_VISIBLE_DEVICES hides every GPU$/],
  ['there is no engine', { engine: undefined }, /is not used \(`stillhouse backend install tensorflow --cuda`\)$/],
  ['it is built without CUDA', { engine: { cuda: false } }, /was built without CUDA/],
  ['its driver is old', { visible: [{ ...gpu, driver: '470.1' }] }, /driver is 470\.1/],
  ['its code is for others', { engine: { cuda: true, onlyGpus: ['8.0', '12.0'] } }, /only for .* 8\.0, 12\.0.*is 9\.0/],
  ['a library is missing', { missing: ['libcudnn.so.9'] }, /: libcudnn\.so\.9 not found/],
  ['TensorFlow refuses it', { engine: { cuda: true, onlyGpus: ['9.0'] } }, /TF_CPP_MIN_LOG_LEVEL=0/],
])('a GPU is not used because %s, and a line says so', (_, facts, line) => {
  const all: GpuFacts = { gpus: [gpu], visible: [gpu], engine: { cuda: true }, missing: [], ...facts };
  expect(whyNoGpu(all)).toMatch(line);
  expect(whyNoGpu(all)).not.toContain('\n');
});

test.each([
  ['engine.json', true, true],
  ['lib/libtensorflow_cc.so.2', true, true],
  ['tfjs-node-gpu/dist/index.js', true, true],
  ['tfjs-node-gpu/binding/utils.h', false, false],
  ['include', false, false],
  ['nvidia/lib/libcublas.so.13', true, false],
  ['nvidia/cudnn/lib/libcudnn.so.9', true, false],
  ['nvidia/lib/libcudart.so.12', true, true],
  ['nvidia/cublas/lib', true, true],
])('another machine needs %s: %j, or %j without CUDA’s libraries', (path, withThem, without) => {
  expect([isCarried(path, true), isCarried(path, false)]).toEqual([withThem, without]);
});
