// @stillhouse/student: predictions of a model that Stillhouse trained, in a browser or in Node.
export { StudentError, type StudentErrorCode } from './error.js';
export { loadStudent } from './student.js';
export type {
  Canvas,
  Cell,
  ImagePixels,
  InputRow,
  NestedNumbers,
  Numbers,
  NumberTensor,
  Prediction,
  Student,
  TableRow,
  TensorFlow,
  TensorFlowModel,
} from './types.js';
