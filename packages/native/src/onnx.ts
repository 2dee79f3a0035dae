// Models in ONNX, run by ONNX Runtime on the CPU.
import { tf } from './tfjs.js';
import { StillhouseError } from '@stillhouse/core';
import { installedEngines } from './home.js';
import { externalFiles } from './onnx-external-data.js';
import { requireOnnx } from './onnx-packages.js';
import { refuseFixedRows, type RunnableModel } from './runnable-model.js';

interface OnnxTensor {
  readonly data: Float32Array;
  readonly dims: readonly number[];
}

interface Metadata {
  readonly name: string;
  /** Shape of a tensor; a size that may vary is a name. */
  readonly type?: string;
  readonly shape?: readonly (number | string)[];
}

interface Session {
  readonly inputMetadata: readonly Metadata[];
  readonly outputMetadata: readonly Metadata[];
  run(
    feeds: Readonly<Record<string, OnnxTensor>>,
    fetches: readonly string[],
  ): Promise<Readonly<Record<string, OnnxTensor>>>;
  release(): Promise<void>;
}

interface Runtime {
  readonly InferenceSession: { create(model: Uint8Array, options: object): Promise<Session> };
  readonly Tensor: new (type: 'float32', data: Float32Array, dims: readonly number[]) => OnnxTensor;
}

/**
 * Opens a model, which must take one tensor and return one of fp32. Other outputs, such as a label next to
 * probabilities, are ignored.
 * @param threads threads of ONNX Runtime
 * @param folder of the engine; the installed one by default
 * @throws StillhouseError BACKEND_UNAVAILABLE if ONNX Runtime is not installed; Error if the model cannot be used
 */
export async function openOnnx(
  model: Uint8Array,
  threads: number,
  folder: string | undefined = installedEngines(process.env, 'onnx')[0]?.folder,
): Promise<RunnableModel> {
  if (folder === undefined)
    throw new StillhouseError('BACKEND_UNAVAILABLE', 'a model in ONNX needs ONNX Runtime, which is not installed', {
      next: 'Run `stillhouse backend install onnx` on the machine of the student’s worker.',
    });
  const [external] = externalFiles(model);
  if (external !== undefined)
    throw new Error(
      `it keeps weights in another file, ${JSON.stringify(external)}; save it as one file ` +
        '(save_as_external_data=False of onnx.save_model, external_data=False of torch.onnx.export)',
    );
  const { InferenceSession, Tensor } = requireOnnx(folder) as Runtime;
  // One order of additions: a fixed number of threads, and one operation after the other.
  const session = await InferenceSession.create(model, {
    executionProviders: ['cpu'],
    intraOpNumThreads: threads,
    interOpNumThreads: 1,
    executionMode: 'sequential',
    logSeverityLevel: 3,
  });
  try {
    return runnable(session, Tensor);
  } catch (error) {
    await session.release();
    throw error;
  }
}

/** @throws Error if the model's inputs or outputs do not fit the rows */
function runnable(session: Session, Tensor: Runtime['Tensor']): RunnableModel {
  const inputs = session.inputMetadata;
  const outputs = session.outputMetadata.filter(({ type }) => type === 'float32');
  if (inputs.length !== 1 || outputs.length !== 1)
    throw new Error(
      `it has the inputs ${inputs.map(({ name }) => name).join(', ')} and the fp32 outputs ` +
        `${outputs.map(({ name }) => name).join(', ')}; exactly one of each is needed`,
    );
  const [{ name: input, shape }] = inputs;
  const [{ name: output }] = outputs;
  const sizes = shape?.map((size) => (typeof size === 'number' && size > 0 ? size : undefined));
  refuseFixedRows(sizes?.[0]);
  return {
    inputShape: sizes?.slice(1),
    async run(x) {
      const {
        [output]: { data, dims },
      } = await session.run({ [input]: new Tensor('float32', (await x.data()) as Float32Array, x.shape) }, [output]);
      return tf.tensor(data, [...dims]);
    },
    close: () => session.release(),
  };
}
