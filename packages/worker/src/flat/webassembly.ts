// The part of the WebAssembly interface that is used here: Node has it, but the types of Node 20 lack it.
interface Interface {
  readonly Module: new (bytes: Uint8Array) => WasmModule;
  readonly Memory: new (options: { initial: number; maximum: number; shared: true }) => WasmMemory;
  readonly Instance: new (
    module: WasmModule,
    imports: Record<string, Record<string, unknown>>,
  ) => { readonly exports: object };
}

export interface WasmMemory {
  /** All of it; buffers from before it grew stay valid. */
  readonly buffer: SharedArrayBuffer;
  grow(pages: number): number;
}

export interface WasmModule {
  readonly __brand: 'WebAssembly.Module';
}

export const { Module, Memory, Instance } = (globalThis as unknown as { WebAssembly: Interface }).WebAssembly;
