// Which other files an ONNX model keeps weights in. ONNX Runtime would look for them in the working directory, and a
// model must not say which files of a machine are read.

/** Messages of onnx.proto that lead to tensors, with the messages in their fields. */
const messages = {
  model: { 7: 'graph', 25: 'function' },
  graph: { 1: 'node', 5: 'tensor', 15: 'sparse' },
  function: { 7: 'node' },
  node: { 5: 'attribute' },
  attribute: { 5: 'tensor', 6: 'graph', 10: 'tensor', 11: 'graph', 22: 'sparse', 23: 'sparse' },
  sparse: { 1: 'tensor', 2: 'tensor' },
  tensor: { 13: 'externalData' },
  externalData: {},
} as const satisfies Record<string, Readonly<Record<number, string>>>;
type Message = keyof typeof messages;

type Field = readonly [number, Uint8Array];

/** The fields of a message that have a length: texts and messages. */
function* fieldsOf(bytes: Uint8Array): Generator<Field> {
  let at = 0;
  const varint = (): number => {
    let value = 0;
    for (let scale = 1; ; scale *= 128) {
      if (at >= bytes.length) throw new Error('it is not complete protobuf');
      const byte = bytes[at++];
      value += (byte & 127) * scale;
      if (byte < 128) return value;
    }
  };
  while (at < bytes.length) {
    const tag = varint();
    const [field, wireType] = [Math.floor(tag / 8), tag % 8];
    if (wireType === 0) varint();
    else if (wireType === 1) at += 8;
    else if (wireType === 5) at += 4;
    else if (wireType === 2) {
      const length = varint();
      yield [field, bytes.subarray(at, at + length)];
      at += length;
    } else throw new Error('it is not protobuf');
  }
  if (at !== bytes.length) throw new Error('it is not complete protobuf');
}

const textOf = (bytes: Uint8Array | undefined): string => new TextDecoder().decode(bytes);

/**
 * Paths of the files other than its own that a model has weights in.
 * @param bytes the model, or one of its messages
 * @throws Error if it is not protobuf
 */
export function externalFiles(bytes: Uint8Array, message: Message = 'model'): Set<string> {
  const found = new Set<string>();
  if (message === 'externalData') {
    const entry = new Map(fieldsOf(bytes));
    if (textOf(entry.get(1)) === 'location') found.add(textOf(entry.get(2)));
    return found;
  }
  const within: Readonly<Record<number, Message>> = messages[message];
  for (const [field, content] of fieldsOf(bytes))
    if (field in within) for (const file of externalFiles(content, within[field])) found.add(file);
  return found;
}
