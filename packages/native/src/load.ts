// Loads an installed engine into this process and registers it as TFJS's backend "tensorflow".
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { constants } from 'node:os';
import { join } from 'node:path';
import util from 'node:util';
import { tf } from './tfjs.js';
import { firstLineOf, StillhouseError } from '@stillhouse/core';
import type { Binding, GraphSessions, NativeBackend } from './binding-api.js';
import { bindingFile, logLevelFile, packageOf, sessionsFile } from './binding.js';
import type { EngineMode } from './engine-mode.js';
import type { Messages } from './graph-def.js';
import { visibleGpus } from './gpus.js';
import { installedEngines } from './home.js';
import { lendDependencies } from './lend-dependencies.js';
import { processor } from './processor.js';
import type { NativeTools } from './trace.js';

const require = createRequire(import.meta.url);

/** Functions of node:util that the package calls and Node 23 removed. */
function restoreUtil(): void {
  const old = util as unknown as Record<string, unknown>;
  old['isNullOrUndefined'] ??= (value: unknown) => value === null || value === undefined;
  old['isArray'] ??= Array.isArray;
}

/** Of what TensorFlow logs, errors are shown; TF_CPP_MIN_LOG_LEVEL asks for more (0 all, 1 warnings) or less (3). */
function setLogLevel(folder: string): void {
  process.env['TF_CPP_MIN_LOG_LEVEL'] ??= '2';
  const file = join(folder, logLevelFile);
  if (existsSync(file)) process.dlopen({ exports: {} }, file, constants.dlopen.RTLD_NOW | constants.dlopen.RTLD_GLOBAL);
}

/**
 * Whether a phase's training state lies on the device that computes rather than in host memory: by itself on a GPU;
 * where the processor computes, the kernels of host memory are as fast.
 * @throws StillhouseError BACKEND_UNAVAILABLE
 */
function isStateOnDevice(env: NodeJS.ProcessEnv, isOnGpu: boolean): boolean {
  const wanted = env['STILLHOUSE_STATE'] || (isOnGpu ? 'device' : 'host');
  if (wanted === 'device' || wanted === 'host') return wanted === 'device';
  throw new StillhouseError('BACKEND_UNAVAILABLE', `STILLHOUSE_STATE is ${wanted}, which is neither device nor host`, {
    next: 'Set it to device or host, or remove it.',
  });
}

interface Loaded {
  readonly folder: string;
  readonly fingerprint: string;
  readonly threads: number;
  readonly tf32: boolean;
  readonly isOnGpu: boolean;
  readonly messages: Messages;
  readonly sessions: GraphSessions;
  readonly isStateOnDevice: boolean;
}

let loaded: Loaded | undefined;

/**
 * Registers an engine, once per process.
 * @param folder of the engine; the newest installed one by default
 * @returns everything that equal bits depend on: version, device, threads
 * @throws StillhouseError BACKEND_UNAVAILABLE
 */
export function loadTensorflow(
  { threads, tf32 = false }: EngineMode,
  folder: string | undefined = installedEngines(process.env, 'tensorflow')[0]?.folder,
): string {
  if (loaded) {
    if (loaded.threads !== threads)
      throw new StillhouseError(
        'BACKEND_UNAVAILABLE',
        `TensorFlow was loaded with ${loaded.threads} threads in this process and cannot have ${threads}`,
      );
    if (loaded.tf32 !== tf32)
      throw new StillhouseError(
        'BACKEND_UNAVAILABLE',
        `TensorFlow was loaded ${loaded.tf32 ? 'with' : 'without'} tf32 in this process and cannot change that`,
      );
    return loaded.fingerprint;
  }
  if (folder === undefined)
    throw new StillhouseError('BACKEND_UNAVAILABLE', 'the tensorflow backend is not installed', {
      next:
        'Run `stillhouse backend install tensorflow`, or choose another backend with --backend, for example wasm ' +
        'or cpu.',
    });
  process.env['TF_NUM_INTRAOP_THREADS'] = String(threads);
  // On GPUs: kernels that add in a fixed order, full fp32, and no more memory than is needed.
  process.env['TF_DETERMINISTIC_OPS'] ??= '1';
  if (!tf32) process.env['NVIDIA_TF32_OVERRIDE'] ??= '0';
  process.env['TF_FORCE_GPU_ALLOW_GROWTH'] ??= 'true';
  restoreUtil();
  isStateOnDevice(process.env, false);
  try {
    setLogLevel(folder);
    lendDependencies(packageOf(folder));
    const binding = require(join(folder, bindingFile)) as Binding;
    require(join(packageOf(folder), 'dist', 'register_all_kernels.js'));
    const { NodeJSKernelBackend } = require(join(packageOf(folder), 'dist', 'nodejs_kernel_backend.js')) as {
      NodeJSKernelBackend: new (binding: Binding, name: string) => tf.KernelBackend;
    };
    tf.registerBackend('tensorflow', () => new NodeJSKernelBackend(binding, 'stillhouse'));
    // Kernels, and so bits, depend on the processor and on whether oneDNN may be used. Without deterministic ones,
    // which is only good for measuring, bits differ from run to run.
    const isOnGpu = binding.isUsingGpuDevice();
    const device = isOnGpu ? (visibleGpus(process.env)[0]?.name ?? 'gpu') : processor();
    const onDevice = isStateOnDevice(process.env, isOnGpu);
    const messages = require(join(packageOf(folder), 'dist', 'proto', 'api_pb.js')) as Messages;
    const sessions = require(join(folder, sessionsFile)) as GraphSessions;
    loaded = {
      folder,
      threads,
      tf32,
      isOnGpu,
      messages,
      sessions,
      isStateOnDevice: onDevice,
      fingerprint:
        `tensorflow ${binding.TF_Version} ` +
        `${device}${process.env['TF_ENABLE_ONEDNN_OPTS'] === '0' ? ' onednn=off' : ''}` +
        `${process.env['TF_DETERMINISTIC_OPS'] === '1' ? '' : ' deterministic=off'} threads=${threads}` +
        `${tf32 && isOnGpu ? ' tf32' : ''}${onDevice ? ' state=device' : ''}`,
    };
    return loaded.fingerprint;
  } catch (cause) {
    throw new StillhouseError(
      'BACKEND_UNAVAILABLE',
      `the tensorflow backend in ${folder} does not load: ${firstLineOf(cause)}`,
      { cause, next: 'Reinstall it with `stillhouse backend install tensorflow --force`.' },
    );
  }
}

/** What is needed to record graphs, if the native backend is in use. */
export function nativeTracing(): NativeTools | undefined {
  return loaded && tf.getBackend() === 'tensorflow' ? { ...loaded, backend: tf.backend() as NativeBackend } : undefined;
}

/** Whether TensorFlow, if it is loaded, computes on a GPU. */
export const isTensorflowOnGpu = (): boolean => loaded?.isOnGpu ?? false;

/** The folder of the engine in use, if that is TensorFlow. */
export const folderInUse = (): string | undefined => (tf.getBackend() === 'tensorflow' ? loaded?.folder : undefined);
