// Resizes and reduces pictures exactly as Pillow does, bit for bit. With another resampler, the probabilities of
// FER2013.tflite differ by up to 0.35.

import {blank} from './picture.js';

/** @typedef {import('./picture.js').Box} Box */
/** @typedef {import('./picture.js').Picture} Picture */

const PRECISION_BITS = 22; // of the filter's weights, which Pillow keeps as integers

/**
 * Image.resize(size, BILINEAR, box=box, reducing_gap=gap).
 * @param {Picture} picture
 * @param {number} width
 * @param {number} height
 * @param {{box?: Box, gap?: number}} [options] the part to resize, the whole picture by default; a gap lets a
 *     much larger picture be reduced by an integer factor first
 * @returns {Picture}
 */
export function resize(picture, width, height, {box = [0, 0, picture.width, picture.height], gap} = {}) {
  if (gap !== undefined) {
    const factorX = Math.trunc((box[2] - box[0]) / width / gap) || 1;
    const factorY = Math.trunc((box[3] - box[1]) / height / gap) || 1;
    if (factorX > 1 || factorY > 1) {
      const safe = safeBox(picture, width, height, box);
      picture = reduce(picture, factorX, factorY, safe);
      box = [
        (box[0] - safe[0]) / factorX,
        (box[1] - safe[1]) / factorY,
        (box[2] - safe[0]) / factorX,
        (box[3] - safe[1]) / factorY,
      ];
    }
  }
  return resample(picture, width, height, box);
}

/**
 * The pixels that the filter reaches from ``box``.
 * @param {Picture} picture
 * @param {number} width
 * @param {number} height
 * @param {Box} box
 * @returns {Box}
 */
function safeBox(picture, width, height, box) {
  const support = 0.5; // of the triangle, less half a pixel
  const x = (support * (box[2] - box[0])) / width;
  const y = (support * (box[3] - box[1])) / height;
  return [
    Math.max(0, Math.trunc(box[0] - x)),
    Math.max(0, Math.trunc(box[1] - y)),
    Math.min(picture.width, Math.ceil(box[2] + x)),
    Math.min(picture.height, Math.ceil(box[3] + y)),
  ];
}

/**
 * Image.reduce((factorX, factorY), box): the mean of each block; blocks at the far edges may be smaller.
 * @param {Picture} picture
 * @param {number} factorX
 * @param {number} factorY
 * @param {Box} box whole pixels
 * @returns {Picture}
 */
export function reduce(picture, factorX, factorY, box) {
  const {channels, data} = picture;
  const row = picture.width * channels;
  const reduced = blank(Math.ceil((box[2] - box[0]) / factorX), Math.ceil((box[3] - box[1]) / factorY), channels);
  const out = reduced.data;
  for (let y = 0, to = 0; y < reduced.height; y += 1) {
    const top = box[1] + y * factorY;
    const bottom = Math.min(top + factorY, box[3]);
    for (let x = 0; x < reduced.width; x += 1) {
      const left = box[0] + x * factorX;
      const right = Math.min(left + factorX, box[2]);
      const count = (right - left) * (bottom - top);
      const multiplier = Math.floor(Math.fround(2 ** 32 / Math.fround(256 * count)));
      let red = count >> 1; // or grey
      let green = red;
      let blue = red;
      for (let v = top; v < bottom; v += 1) {
        const end = v * row + right * channels;
        for (let from = v * row + left * channels; from < end; from += channels) {
          red += data[from];
          if (channels === 1) continue;
          green += data[from + 1];
          blue += data[from + 2];
        }
      }
      out[to++] = Math.floor((red * multiplier) / 2 ** 24);
      if (channels === 1) continue;
      out[to++] = Math.floor((green * multiplier) / 2 ** 24);
      out[to++] = Math.floor((blue * multiplier) / 2 ** 24);
    }
  }
  return reduced;
}

/**
 * @param {Picture} picture
 * @param {number} width
 * @param {number} height
 * @param {Box} box
 * @returns {Picture}
 */
function resample(picture, width, height, box) {
  const [left, top, right, bottom] = box.map(Math.fround); // as Pillow's C code takes them
  const across = left !== 0 || right !== width || width !== picture.width;
  const down = top !== 0 || bottom !== height || height !== picture.height;
  let rows = weights(picture.height, top, bottom, height);
  const columns = weights(picture.width, left, right, width);
  const rowsLost = picture.height - height;
  if (across && down && rowsLost > 0 && rowsLost > 2 * (picture.width - width)) {
    // Pillow 13 chooses this order if it is faster; each pass rounds, so the order changes the result
    return resampleRows(resampleColumns(picture, height, rows), width, 0, height, columns);
  }
  let result = picture;
  if (across) {
    const first = down ? rows.starts[0] : 0;
    const last = down ? rows.starts[height - 1] + rows.counts[height - 1] : picture.height;
    result = resampleRows(picture, width, first, last, columns);
    if (down) rows = {...rows, starts: rows.starts.map((start) => start - first)};
  }
  return down ? resampleColumns(result, height, rows) : result;
}

/**
 * @typedef {object} Weights
 * @property {Int32Array} starts the first input pixel of each output pixel
 * @property {Int32Array} counts how many input pixels it is made of
 * @property {Int32Array} values one row for each output pixel
 * @property {number} most the length of a row
 */

/**
 * A triangle as wide as the reduction, in fixed point.
 * @param {number} inputSize
 * @param {number} from
 * @param {number} to
 * @param {number} outputSize
 * @returns {Weights}
 */
function weights(inputSize, from, to, outputSize) {
  const scale = Math.fround(to - from) / outputSize;
  const support = Math.max(scale, 1);
  const steepness = 1 / support;
  const most = Math.ceil(2 * support) + 1;
  const starts = new Int32Array(outputSize);
  const counts = new Int32Array(outputSize);
  const values = new Int32Array(outputSize * most);
  const exact = new Float64Array(most);
  for (let index = 0; index < outputSize; index += 1) {
    const centre = from + (index + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const count = Math.min(inputSize, Math.trunc(centre + support + 0.5)) - start;
    let sum = 0;
    for (let x = 0; x < count; x += 1) {
      exact[x] = Math.max(0, 1 - Math.abs((x + start - centre + 0.5) * steepness));
      sum += exact[x];
    }
    for (let x = 0; x < count; x += 1) {
      values[index * most + x] = Math.trunc(0.5 + (sum ? exact[x] / sum : exact[x]) * 2 ** PRECISION_BITS);
    }
    starts[index] = start;
    counts[index] = count;
  }
  return {starts, counts, values, most};
}

const HALF = 1 << (PRECISION_BITS - 1);

/**
 * @param {Picture} picture
 * @param {number} width
 * @param {number} first row to keep
 * @param {number} last row to keep, exclusive
 * @param {Weights} columns
 * @returns {Picture}
 */
function resampleRows(picture, width, first, last, {starts, counts, values, most}) {
  const {channels, data} = picture;
  const result = blank(width, last - first, channels);
  const out = result.data;
  for (let y = first, to = 0; y < last; y += 1) {
    for (let x = 0; x < width; x += 1) {
      const end = x * most + counts[x];
      let from = (y * picture.width + starts[x]) * channels;
      let red = HALF; // or grey
      let green = HALF;
      let blue = HALF;
      for (let at = x * most; at < end; at += 1, from += channels) {
        const weight = values[at];
        red = (red + Math.imul(data[from], weight)) | 0;
        if (channels === 1) continue;
        green = (green + Math.imul(data[from + 1], weight)) | 0;
        blue = (blue + Math.imul(data[from + 2], weight)) | 0;
      }
      out[to++] = Math.min(red >> PRECISION_BITS, 255);
      if (channels === 1) continue;
      out[to++] = Math.min(green >> PRECISION_BITS, 255);
      out[to++] = Math.min(blue >> PRECISION_BITS, 255);
    }
  }
  return result;
}

/**
 * @param {Picture} picture
 * @param {number} height
 * @param {Weights} rows
 * @returns {Picture}
 */
function resampleColumns(picture, height, {starts, counts, values, most}) {
  const {data} = picture;
  const row = picture.width * picture.channels;
  const result = blank(picture.width, height, picture.channels);
  const sums = new Int32Array(row);
  for (let y = 0; y < height; y += 1) {
    sums.fill(HALF);
    // row by row, in memory order
    for (let line = 0; line < counts[y]; line += 1) {
      const weight = values[y * most + line];
      for (let x = 0, from = (starts[y] + line) * row; x < row; x += 1, from += 1) sums[x] += Math.imul(data[from], weight);
    }
    for (let x = 0, to = y * row; x < row; x += 1, to += 1) result.data[to] = Math.min(sums[x] >> PRECISION_BITS, 255);
  }
  return result;
}
