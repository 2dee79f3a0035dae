// Finds and reads the files of a model: over HTTP, or from the disk if there is one.
import { canPredict, unknownTransform, type ModelMetadata } from '@stillhouse/core';
import { badModel, reasonOf, StudentError } from './error.js';

/** What `tf.io.fromMemory` takes, and what Stillhouse stored with it. */
export interface ModelFiles {
  readonly href: string;
  readonly metadata: ModelMetadata;
  readonly artifacts: {
    readonly modelTopology: object;
    readonly weightSpecs: object[];
    readonly weightData: ArrayBuffer;
  };
}

/** What may be in a model.json: all of it is optional, and checked where it is read. A schema would not fit a page. */
interface ModelJson {
  readonly modelTopology?: object;
  readonly weightsManifest?: readonly { readonly paths: readonly string[]; readonly weights: readonly object[] }[];
  readonly userDefinedMetadata?: { readonly stillhouse?: Partial<ModelMetadata> };
}

interface Builtins {
  'node:fs/promises': typeof import('node:fs/promises');
  'node:url': typeof import('node:url');
}

/** A module of Node; undefined in a browser. No `import`, so that no bundler looks for it. */
function builtin<Name extends keyof Builtins>(name: Name): Builtins[Name] | undefined {
  const { process } = globalThis as { process?: { getBuiltinModule?(name: string): unknown } };
  return process?.getBuiltinModule?.(name) as Builtins[Name] | undefined;
}

const hasScheme = /^[a-z][\w+.-]+:/i;

/** What a browser, or a worker of one, knows of the page's address. */
const page = globalThis as { document?: { baseURI: string }; location?: { href: string } };

/** The address of model.json, of itself or of the folder that holds it. */
function locate(urlOrFolder: string): URL {
  const toFileUrl = builtin('node:url')?.pathToFileURL;
  let url: URL;
  if (hasScheme.test(urlOrFolder)) url = new URL(urlOrFolder);
  else if (toFileUrl) url = toFileUrl(urlOrFolder);
  else url = new URL(urlOrFolder, page.document?.baseURI ?? page.location?.href);
  if (!url.pathname.endsWith('.json')) url.pathname = `${url.pathname.replace(/\/$/, '')}/model.json`;
  return url;
}

/** @throws StudentError STUDENT_NOT_FOUND */
async function read(url: URL): Promise<Uint8Array<ArrayBuffer>> {
  const missing = (reason: string, cause?: unknown): StudentError =>
    new StudentError('STUDENT_NOT_FOUND', `${url.href} cannot be read: ${reason}`, { cause });
  const fs = url.protocol === 'file:' ? builtin('node:fs/promises') : undefined;
  let response: Response;
  try {
    if (fs) return new Uint8Array(await fs.readFile(url));
    response = await fetch(url);
  } catch (cause) {
    throw missing(reasonOf(cause), cause);
  }
  if (!response.ok) throw missing(`HTTP ${response.status}`);
  return new Uint8Array(await response.arrayBuffer());
}

function parse(bytes: Uint8Array, href: string): ModelJson {
  try {
    return JSON.parse(new TextDecoder().decode(bytes)) as ModelJson;
  } catch (cause) {
    throw badModel(href, 'is not JSON', cause);
  }
}

type Properties = Readonly<Record<string, unknown>> | null;
type Fits = (value: unknown) => boolean;

const isNumber: Fits = Number.isFinite;
const isText: Fits = (value) => typeof value === 'string';
const isList = (value: unknown, fits: Fits): boolean => Array.isArray(value) && value.every((each) => fits(each));

const isColumn: Fits = (value) => {
  const { name, type, shift, scale, fill, buckets, categories, factors, offsets } = (value as Properties) ?? {};
  return (
    isText(name) &&
    (type === 'number'
      ? [shift, scale, fill].every(isNumber)
      : type === 'category'
        ? isNumber(buckets) || isList(categories, isText)
        : type === 'tensor' && isList(factors, isNumber) && isList(offsets, isNumber))
  );
};
const isTarget: Fits = (value) => {
  const { mean, deviation } = (value as Properties) ?? {};
  return isNumber(mean) && isNumber(deviation);
};

/** Whether it has all that rows are encoded with and predictions are read with. */
function isComplete(metadata: Partial<ModelMetadata> | null | undefined): metadata is ModelMetadata {
  const { columns, inputShape, targets, classes } = metadata ?? {};
  return (
    isList(columns, isColumn) &&
    columns!.length > 0 &&
    isList(inputShape, isNumber) &&
    isList(targets, isTarget) &&
    isList(classes ?? [], isText)
  );
}

/** @throws StudentError STUDENT_FORMAT */
function metadataOf(json: ModelJson, href: string): ModelMetadata {
  const metadata = json.userDefinedMetadata?.stillhouse;
  if (!isComplete(metadata)) throw badModel(href, 'is of no run of Stillhouse, or damaged');
  const { loss, targets } = metadata;
  const unknown = canPredict(loss) ? unknownTransform(targets) : (loss as string);
  if (unknown !== undefined) throw badModel(href, `was trained with ${unknown}, unknown here`);
  return metadata;
}

/**
 * Reads a model with all its weights.
 * @param urlOrFolder of model.json, or of the folder that holds it
 * @throws StudentError STUDENT_NOT_FOUND, STUDENT_FORMAT
 */
export async function readModelFiles(urlOrFolder: string): Promise<ModelFiles> {
  const url = locate(urlOrFolder);
  const { href } = url;
  const json = parse(await read(url), href);
  const metadata = metadataOf(json, href);
  const { modelTopology, weightsManifest } = json;
  if (!modelTopology || !Array.isArray(weightsManifest)) throw badModel(href, 'is no layers model of TensorFlow.js');
  const shards = await Promise.all(
    json.weightsManifest!.flatMap(({ paths }) =>
      paths.map((path) => {
        const shard = new URL(path, url);
        // What signs the address of model.json signs that of its neighbours.
        shard.search = url.search;
        return read(shard);
      }),
    ),
  );
  return {
    href,
    metadata,
    artifacts: {
      modelTopology,
      weightSpecs: json.weightsManifest!.flatMap(({ weights }) => weights),
      weightData: await new Blob(shards).arrayBuffer(),
    },
  };
}
