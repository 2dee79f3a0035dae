// @stillhouse/worker/light: what processes and threads around a worker need without loading TFJS, which takes as long
// as everything else that they load.
export { backendNames, type BackendName, type ConcreteBackendName } from './backend/registry.js';
export { StateUpload, type Capture, type StateUploader } from './checkpoint/state-upload.js';
