// Pictures as plain pixels, resized, reduced and turned exactly as Pillow does it, to the last bit.
// FER2013.tflite answers differently to a face that another resampler made: up to 0.35 in a probability.

/**
 * @typedef {object} Picture
 * @property {number} width
 * @property {number} height
 * @property {number} channels 3 for RGB, 1 for grey
 * @property {Uint8Array | Uint8ClampedArray} data row by row, the channels of a pixel side by side
 */

/** @typedef {[number, number, number, number]} Box left, top, right, bottom in pixels */

const PRECISION_BITS = 22; // of the filter's weights, which Pillow keeps as integers

/**
 * @param {number} width
 * @param {number} height
 * @param {number} channels
 * @returns {Picture} black
 */
export function blank(width, height, channels) {
  return {width, height, channels, data: new Uint8Array(width * height * channels)};
}

/**
 * @param {Uint8Array | Uint8ClampedArray} rgba as a canvas gives it, opaque
 * @param {number} width
 * @param {number} height
 * @returns {Picture} RGB
 */
export function fromRgba(rgba, width, height) {
  const picture = blank(width, height, 3);
  const {data} = picture;
  for (let from = 0, to = 0; to < data.length; from += 4, to += 3) {
    data[to] = rgba[from];
    data[to + 1] = rgba[from + 1];
    data[to + 2] = rgba[from + 2];
  }
  return picture;
}

/**
 * @param {Picture} picture RGB
 * @returns {Picture} grey, by the weights of ITU-R BT.601 in 16-bit fixed point
 */
export function toGrey({width, height, data}) {
  const grey = blank(width, height, 1);
  for (let from = 0, to = 0; to < grey.data.length; from += 3, to += 1) {
    grey.data[to] = (19595 * data[from] + 38470 * data[from + 1] + 7471 * data[from + 2] + 0x8000) >> 16;
  }
  return grey;
}

/**
 * Python's round().
 * @param {number} value
 * @returns {number} the nearest integer, the even one of two that are equally near
 */
export function roundHalfEven(value) {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5) return Math.round(value);
  return floor % 2 === 0 ? floor : floor + 1;
}

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
  const {channels} = picture;
  const row = picture.width * channels;
  const reduced = blank(Math.ceil((box[2] - box[0]) / factorX), Math.ceil((box[3] - box[1]) / factorY), channels);
  for (let y = 0, to = 0; y < reduced.height; y += 1) {
    const top = box[1] + y * factorY;
    const bottom = Math.min(top + factorY, box[3]);
    for (let x = 0; x < reduced.width; x += 1) {
      const left = box[0] + x * factorX;
      const right = Math.min(left + factorX, box[2]);
      const count = (right - left) * (bottom - top);
      const multiplier = Math.floor(Math.fround(2 ** 32 / Math.fround(256 * count)));
      for (let channel = 0; channel < channels; channel += 1, to += 1) {
        let sum = count >> 1;
        for (let v = top; v < bottom; v += 1) {
          const end = v * row + right * channels;
          for (let from = v * row + left * channels + channel; from < end; from += channels) sum += picture.data[from];
        }
        reduced.data[to] = Math.floor((sum * multiplier) / 2 ** 24);
      }
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
  const rows = weights(picture.height, top, bottom, height);
  const columns = weights(picture.width, left, right, width);
  const rowsLost = picture.height - height;
  if (across && down && rowsLost > 0 && rowsLost > 2 * (picture.width - width)) {
    // Pillow 13 takes this order where it is faster; each pass rounds, so the order shows
    return resampleRows(resampleColumns(picture, height, rows), width, 0, height, columns);
  }
  let result = picture;
  if (across) {
    const first = down ? rows[0].start : 0;
    const last = down ? rows[height - 1].start + rows[height - 1].values.length : picture.height;
    result = resampleRows(picture, width, first, last, columns);
    if (down) for (const each of rows) each.start -= first;
  }
  return down ? resampleColumns(result, height, rows) : result;
}

/** @typedef {{start: number, values: Int32Array}} Weights of the input pixels from ``start`` on, for one of output */

/**
 * A triangle as wide as the reduction, in fixed point.
 * @param {number} inputSize
 * @param {number} from
 * @param {number} to
 * @param {number} outputSize
 * @returns {Weights[]}
 */
function weights(inputSize, from, to, outputSize) {
  const scale = Math.fround(to - from) / outputSize;
  const support = Math.max(scale, 1);
  const steepness = 1 / support;
  return Array.from({length: outputSize}, (_, index) => {
    const centre = from + (index + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - support + 0.5));
    const end = Math.min(inputSize, Math.trunc(centre + support + 0.5));
    const values = new Float64Array(end - start);
    let sum = 0;
    for (let x = 0; x < values.length; x += 1) {
      values[x] = Math.max(0, 1 - Math.abs((x + start - centre + 0.5) * steepness));
      sum += values[x];
    }
    return {
      start,
      values: Int32Array.from(values, (value) => Math.trunc(0.5 + (sum ? value / sum : value) * 2 ** PRECISION_BITS)),
    };
  });
}

const HALF = 1 << (PRECISION_BITS - 1);

/**
 * @param {Picture} picture
 * @param {number} width
 * @param {number} first row to keep
 * @param {number} last row to keep, exclusive
 * @param {Weights[]} columns
 * @returns {Picture}
 */
function resampleRows(picture, width, first, last, columns) {
  const {channels, data} = picture;
  const result = blank(width, last - first, channels);
  for (let y = first, to = 0; y < last; y += 1) {
    for (const {start, values} of columns) {
      const at = (y * picture.width + start) * channels;
      for (let channel = 0; channel < channels; channel += 1, to += 1) {
        let sum = HALF;
        for (let x = 0, from = at + channel; x < values.length; x += 1, from += channels) sum += data[from] * values[x];
        result.data[to] = Math.min(sum >> PRECISION_BITS, 255);
      }
    }
  }
  return result;
}

/**
 * @param {Picture} picture
 * @param {number} height
 * @param {Weights[]} rows
 * @returns {Picture}
 */
function resampleColumns(picture, height, rows) {
  const {data} = picture;
  const row = picture.width * picture.channels;
  const result = blank(picture.width, height, picture.channels);
  for (let y = 0, to = 0; y < height; y += 1) {
    const {start, values} = rows[y];
    for (let x = 0; x < row; x += 1, to += 1) {
      let sum = HALF;
      for (let v = 0, from = start * row + x; v < values.length; v += 1, from += row) sum += data[from] * values[v];
      result.data[to] = Math.min(sum >> PRECISION_BITS, 255);
    }
  }
  return result;
}

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
