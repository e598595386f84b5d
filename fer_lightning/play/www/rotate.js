// Rotates a picture exactly as Pillow does.

import {blank} from './picture.js';

/** @typedef {import('./picture.js').Picture} Picture */

/**
 * Image.rotate(degrees, BICUBIC) of a grey square; black where the square ends.
 * @param {Picture} square
 * @param {number} degrees
 * @param {number} margin width of the unused border in pixels; whole pixels of it stay black
 * @returns {Picture}
 */
export function rotate(square, degrees, margin = 0) {
  const {width: size, data} = square;
  const turned = ((degrees % 360) + 360) % 360;
  if (turned === 0) return square;
  const angle = -(turned * (Math.PI / 180));
  const cos = Number(Math.cos(angle).toFixed(15));
  const sin = Number(Math.sin(angle).toFixed(15));
  const minusSin = Number((-Math.sin(angle)).toFixed(15));
  const middle = size / 2;
  const shiftX = cos * -middle + sin * -middle + 0 + middle;
  const shiftY = minusSin * -middle + cos * -middle + 0 + middle;
  const result = blank(size, size, 1);
  const first = Math.max(0, Math.floor(margin));
  for (let y = first; y < size - first; y += 1) {
    for (let x = first; x < size - first; x += 1) {
      const fromX = cos * (x + 0.5) + sin * (y + 0.5) + shiftX;
      const fromY = minusSin * (x + 0.5) + cos * (y + 0.5) + shiftY;
      if (fromX >= 0 && fromX < size && fromY >= 0 && fromY < size) {
        result.data[y * size + x] = bicubic(data, size, fromX - 0.5, fromY - 0.5);
      }
    }
  }
  return result;
}

/**
 * @param {Uint8Array | Uint8ClampedArray} data
 * @param {number} size
 * @param {number} x
 * @param {number} y
 * @returns {number} truncated, not rounded, as Pillow does
 */
function bicubic(data, size, x, y) {
  const column = Math.floor(x);
  const row = Math.floor(y);
  const last = size - 1;
  const c0 = Math.max(column - 1, 0);
  const c1 = Math.max(column, 0);
  const c2 = Math.min(column + 1, last);
  const c3 = Math.min(column + 2, last);
  const dx = x - column;
  const r0 = Math.max(row - 1, 0) * size;
  const r1 = Math.max(row, 0) * size;
  const r2 = Math.min(row + 1, last) * size;
  const r3 = Math.min(row + 2, last) * size;
  const v1 = cubic(data[r0 + c0], data[r0 + c1], data[r0 + c2], data[r0 + c3], dx);
  const v2 = cubic(data[r1 + c0], data[r1 + c1], data[r1 + c2], data[r1 + c3], dx);
  const v3 = cubic(data[r2 + c0], data[r2 + c1], data[r2 + c2], data[r2 + c3], dx);
  const v4 = cubic(data[r3 + c0], data[r3 + c1], data[r3 + c2], data[r3 + c3], dx);
  return Math.trunc(Math.min(Math.max(cubic(v1, v2, v3, v4, y - row), 0), 255));
}

/**
 * @param {number} v1
 * @param {number} v2
 * @param {number} v3
 * @param {number} v4
 * @param {number} d
 * @returns {number}
 */
function cubic(v1, v2, v3, v4, d) {
  const p2 = -v1 + v3;
  const p3 = 2 * (v1 - v2) + v3 - v4;
  const p4 = -v1 + v2 - v3 + v4;
  return v2 + d * (p2 + d * (p3 + d * p4));
}
