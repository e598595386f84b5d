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
  const columns = [-1, 0, 1, 2].map((offset) => Math.min(Math.max(column + offset, 0), size - 1));
  /** @type {number[]} */
  const lines = [];
  for (let offset = -1; offset <= 2; offset += 1) {
    const line = row + offset;
    if (offset > -1 && (line < 0 || line >= size)) {
      lines.push(lines[lines.length - 1]);
      continue;
    }
    const start = Math.min(Math.max(line, 0), size - 1) * size;
    lines.push(
      cubic(
        data[start + columns[0]],
        data[start + columns[1]],
        data[start + columns[2]],
        data[start + columns[3]],
        x - column,
      ),
    );
  }
  const value = cubic(lines[0], lines[1], lines[2], lines[3], y - row);
  return Math.trunc(Math.min(Math.max(value, 0), 255));
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
