// Pictures as plain pixels.

/**
 * @typedef {object} Picture
 * @property {number} width
 * @property {number} height
 * @property {number} channels 3 for RGB, 1 for grey
 * @property {Uint8Array | Uint8ClampedArray} data row by row, the channels of a pixel side by side
 */

/** @typedef {[number, number, number, number]} Box left, top, right, bottom in pixels */

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
