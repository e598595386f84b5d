// Turns a picture exactly as Pillow does it.

import {blank} from './picture.js';

/** @typedef {import('./picture.js').Picture} Picture */

/**
 * Image.rotate(degrees, BICUBIC) of a grey square; black where the square ends.
 * @param {Picture} square
 * @param {number} degrees
 * @returns {Picture}
 */
export function rotate(square, degrees) {
  const size = square.width;
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
  for (let y = 0, to = 0; y < size; y += 1) {
    for (let x = 0; x < size; x += 1, to += 1) {
      const fromX = cos * (x + 0.5) + sin * (y + 0.5) + shiftX;
      const fromY = minusSin * (x + 0.5) + cos * (y + 0.5) + shiftY;
      if (fromX >= 0 && fromX < size && fromY >= 0 && fromY < size) {
        result.data[to] = bicubic(square, fromX - 0.5, fromY - 0.5);
      }
    }
  }
  return result;
}

/**
 * @param {Picture} square
 * @param {number} x
 * @param {number} y
 * @returns {number} truncated, not rounded, as Pillow does
 */
function bicubic({width: size, data}, x, y) {
  const column = Math.floor(x);
  const row = Math.floor(y);
  const last = size - 1;
  const c0 = Math.max(column - 1, 0);
  const c1 = Math.max(column, 0);
  const c2 = Math.min(column + 1, last);
  const c3 = Math.min(column + 2, last);
  const dx = x - column;
  const line = (/** @type {number} */ at) => cubic(data[at + c0], data[at + c1], data[at + c2], data[at + c3], dx);
  const v1 = line(Math.max(row - 1, 0) * size);
  const v2 = row >= 0 ? line(row * size) : v1;
  const v3 = row + 1 <= last ? line((row + 1) * size) : v2;
  const v4 = row + 2 <= last ? line((row + 2) * size) : v3;
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
