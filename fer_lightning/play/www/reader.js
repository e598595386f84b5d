// Sends pictures to the worker that runs the networks.

/** @typedef {import('./reading.js').Face} Face */
/** @typedef {import('./reading.js').Options} Options */
/** @typedef {import('./scoring.js').ScoreTable} ScoreTable */

/**
 * @typedef {object} Model
 * @property {string[]} labels
 * @property {ScoreTable | null} table
 * @property {{faces: number, difference: number, agrees: boolean}} golden
 */

export class Reader {
  /** @param {(share: number) => void} onProgress of loading, 0..1 */
  constructor(onProgress) {
    this.worker = new Worker('vendor/worker.js');
    /** @type {Map<number, {resolve: (value: any) => void, reject: (reason: Error) => void}>} */
    this.waiting = new Map();
    this.count = 0;
    this.worker.addEventListener('message', ({data}) => {
      if ('progress' in data) {
        onProgress(data.progress);
        return;
      }
      const request = this.waiting.get(data.id);
      this.waiting.delete(data.id);
      if ('error' in data) request?.reject(new Error(data.error));
      else request?.resolve(data.result);
    });
    this.worker.addEventListener('error', (event) => {
      for (const {reject} of this.waiting.values()) reject(new Error(event.message || 'the worker did not load'));
      this.waiting.clear();
    });
  }

  /**
   * @param {string} root the page's folder
   * @returns {Promise<Model>}
   */
  load(root) {
    return this.ask({action: 'load', root}, []);
  }

  /**
   * @param {ImageData} image its pixels move to the worker
   * @param {Options} [options]
   * @returns {Promise<Face[]>} the largest first
   */
  read({data, width, height}, options = {}) {
    return this.ask({action: 'read', pixels: data.buffer, width, height, options}, [data.buffer]);
  }

  close() {
    this.worker.terminate();
  }

  /**
   * @param {Record<string, unknown>} request
   * @param {Transferable[]} moved
   * @returns {Promise<any>}
   */
  ask(request, moved) {
    const id = ++this.count;
    return new Promise((resolve, reject) => {
      this.waiting.set(id, {resolve, reject});
      this.worker.postMessage({...request, id}, moved);
    });
  }
}

// a function that returns a v128 constant
const SIMD = new Uint8Array([
  0, 97, 115, 109, 1, 0, 0, 0, 1, 5, 1, 96, 0, 1, 123, 3, 2, 1, 0, 10, 10, 1, 8, 0, 65, 0, 253, 15, 253, 98, 11,
]);

/** @returns {'no-wasm' | 'no-simd' | null} why this browser cannot run the model */
export function missingFeature() {
  if (typeof WebAssembly !== 'object') return 'no-wasm';
  return WebAssembly.validate(SIMD) ? null : 'no-simd';
}
