// Where the build puts the kernels of assembly/, seen from src/ as from dist/.
import { fileURLToPath } from 'node:url';

export const kernelsFile = fileURLToPath(new URL('../dist/kernels.wasm', import.meta.url));
