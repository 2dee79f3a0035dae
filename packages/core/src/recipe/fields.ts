// Fields that several parts of a recipe have.
import { z } from 'zod';
import { limits } from '../error/limits.js';

export const count = (max: number): z.ZodInt => z.int().min(1).max(max);
export const fraction = z.number().min(0).lt(1);
export const positive = z.number().positive();
export const seed = z
  .int()
  .min(0)
  .max(2 ** 32 - 1);
export const path = z.string().min(1);
export const paths = z.union([path, z.array(path).min(1).max(limits.fileCount)]);
