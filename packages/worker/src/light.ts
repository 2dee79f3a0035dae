// @stillhouse/worker/light: what processes and threads around a worker need without loading TFJS, which takes as long
// as all else that they start with.
export { backendNames, type BackendName } from './backend/names.js';
export { StateUpload, type Capture, type StateUploader } from './checkpoint/state-upload.js';
