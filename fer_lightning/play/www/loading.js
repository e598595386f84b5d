// Loads what the game needs, once.

import {missingFeature, Reader} from './reader.js';

/** @typedef {import('./game.js').Defect} Defect */
/** @typedef {{reader: Reader, model: import('./reader.js').Model, drawings: Record<string, string[]>}} Loaded */

/** @type {Reader | null} */
let former = null;

/**
 * @param {(progress: number) => void} onProgress 0..1
 * @returns {Promise<Loaded | Defect>} what keeps the game from starting, if anything does
 */
export async function load(onProgress) {
  former?.close();
  former = null;
  const feature = missingFeature();
  if (feature !== null) return feature;
  try {
    const reader = new Reader(onProgress);
    former = reader;
    const root = new URL('.', document.baseURI).href;
    const faces = fetch('vendor/faces.json').then((response) => response.json());
    const [model, drawings] = await Promise.all([reader.load(root), faces]);
    return model.golden.agrees ? {reader, model, drawings} : 'model';
  } catch (error) {
    console.info('Best Actor could not load:', error);
    return 'loading';
  }
}
