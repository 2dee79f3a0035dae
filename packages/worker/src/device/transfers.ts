// Between the variables of a session and host memory, and from slot to slot.
import { GraphBuilder, type SessionVariable } from '@stillhouse/native/engines';
import type { DeviceVariables } from './device-variables.js';

const nameOf = (variables: readonly SessionVariable[]): string =>
  `${variables[0].name} and ${variables.length - 1} more`;

/** Copies numbers into variables. */
export function upload(
  device: DeviceVariables,
  variables: readonly SessionVariable[],
  values: readonly Float32Array[],
): void {
  const call = device.call(`upload ${nameOf(variables)}`, () => {
    const graph = new GraphBuilder();
    for (const variable of variables) graph.assign(variable, graph.copy(graph.feed(variable.shape)));
    return graph;
  });
  call.run(values);
}

/** Copies variables into host memory; returns whether all numbers are finite. */
export function download(
  device: DeviceVariables,
  variables: readonly SessionVariable[],
  out: readonly Float32Array[],
): boolean {
  const call = device.call(`download ${nameOf(variables)}`, () => {
    const graph = new GraphBuilder();
    for (const variable of variables) graph.fetch(graph.read(variable));
    return graph;
  });
  return call.run([], out);
}

/** Copies of variables in host memory, and whether all of their numbers are finite. */
export function downloaded(
  device: DeviceVariables,
  variables: readonly SessionVariable[],
): { values: Float32Array[]; isFinite: boolean } {
  const sizeOf = ({ shape }: SessionVariable): number => shape.reduce((product, size) => product * size, 1);
  const values = variables.map((variable) => new Float32Array(sizeOf(variable)));
  return { values, isFinite: download(device, variables, values) };
}

export const isFiniteOn = (device: DeviceVariables, variables: readonly SessionVariable[]): boolean =>
  downloaded(device, variables).isFinite;

export function clearSlot(device: DeviceVariables, slot: number): void {
  const call = device.call(`clear ${slot}`, () => {
    const graph = new GraphBuilder();
    for (const variable of device.slot(slot)) graph.assign(variable, graph.zeros(variable.shape));
    return graph;
  });
  call.run([]);
}

/** target += addend. */
export function addSlots(device: DeviceVariables, target: number, addend: number): void {
  const call = device.call(`add ${target} ${addend}`, () => {
    const graph = new GraphBuilder();
    const addends = device.slot(addend);
    for (const [i, variable] of device.slot(target).entries()) graph.increase(variable, graph.read(addends[i]));
    return graph;
  });
  call.run([]);
}
