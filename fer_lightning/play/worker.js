// Runs the networks outside the page's main thread. Bundled with LiteRT.js into www/vendor/worker.js, a classic
// script. Each request {id, action, ...} gets one answer {id, result} or {id, error}; loading also reports its progress.

import * as litert from '@litertjs/core';
import {DEFAULT_FRAMING} from './www/crop.js';
import {fromRgba} from './www/picture.js';
import {compile, goldenDifference, read} from './www/reading.js';

const MODEL = 'FER2013.tflite';
const SCORE_TABLE = 'score_table.json';
const DETECTOR_BYTES = 229_032;
const RUNTIME_BYTES = 9_367_934; // LiteRT.js's loader reports no progress

/** @type {import('./www/reading.js').Networks} */
let networks;
/** @type {import('./www/crop.js').Framing} */
let framing = DEFAULT_FRAMING;

const actions = {
  /** @param {{root: string}} request root is the page's folder */
  async load({root}) {
    const manifest = await json(`${root}model/model.json`);
    const modelBytes = manifest.files[MODEL].bytes;
    const progress = progressOf({runtime: RUNTIME_BYTES, detector: DETECTOR_BYTES, model: modelBytes});
    const [detector, model, golden, labels] = await Promise.all([
      bytes(`${root}vendor/face_detection_short_range.tflite`, (loaded) => progress('detector', loaded)),
      bytes(`${root}model/${MODEL}`, (loaded) => progress('model', loaded)),
      json(`${root}model/golden.json`),
      fetched(`${root}model/labels.txt`).then((response) => response.text()),
      loadRuntime(root).then(() => progress('runtime', RUNTIME_BYTES)),
    ]);
    networks = await compile(litert, detector, model);
    framing = manifest.preprocessing?.framing ?? DEFAULT_FRAMING;
    const difference = await goldenDifference(networks, golden);
    const tolerance = golden.tolerances[MODEL];
    return {
      labels: labels.trim().split('\n'),
      table: SCORE_TABLE in manifest.documents ? await json(`${root}model/${SCORE_TABLE}`) : null,
      golden: {faces: golden.faces.length, difference, agrees: difference <= tolerance},
    };
  },

  /** @param {{pixels: ArrayBuffer, width: number, height: number, options: import('./www/reading.js').Options}} _ */
  async read({pixels, width, height, options}) {
    return read(networks, fromRgba(new Uint8Array(pixels), width, height), framing, options);
  },
};

/** @param {string} root */
async function loadRuntime(root) {
  const folder = `${root}vendor/litert/`;
  // in a worker, LiteRT.js would look for its wasm beside the worker; its notes on threads look like errors
  Object.assign(globalThis, {Module: {locateFile: (/** @type {string} */ name) => folder + name, print() {}, printErr() {}}});
  await litert.loadLiteRt(folder);
}

/**
 * Posts the share that is loaded.
 * @param {Record<string, number>} sizes bytes of each part
 */
function progressOf(sizes) {
  const loaded = Object.fromEntries(Object.keys(sizes).map((part) => [part, 0]));
  const sum = (/** @type {Record<string, number>} */ values) => Object.values(values).reduce((all, each) => all + each);
  return (/** @type {string} */ part, /** @type {number} */ bytes) => {
    loaded[part] = bytes;
    postMessage({progress: Math.min(sum(loaded) / sum(sizes), 1)});
  };
}

/** @param {string} url */
async function fetched(url) {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url} returned HTTP status ${response.status}`);
  return response;
}

/** @param {string} url */
async function json(url) {
  return (await fetched(url)).json();
}

/**
 * @param {string} url
 * @param {(loaded: number) => void} onProgress
 */
async function bytes(url, onProgress) {
  const response = await fetched(url);
  const reader = /** @type {ReadableStream<Uint8Array<ArrayBuffer>>} */ (response.body).getReader();
  const chunks = [];
  let loaded = 0;
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    chunks.push(part.value);
    loaded += part.value.length;
    onProgress(loaded);
  }
  return new Uint8Array(await new Blob(chunks).arrayBuffer());
}

addEventListener('message', async ({data: {id, action, ...request}}) => {
  try {
    postMessage({id, result: await actions[/** @type {keyof typeof actions} */ (action)](request)});
  } catch (error) {
    postMessage({id, error: error instanceof Error ? error.message : String(error)});
  }
});
