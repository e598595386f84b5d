// Takes pictures from the camera or a file and reads the faces in them.

import {clock} from './clock.js';
import {RUN} from './scoring.js';

/** @typedef {import('./picture.js').Box} Box */
/** @typedef {import('./reading.js').Face} Face */
/** @typedef {{canvas: HTMLCanvasElement, faces: Face[]}} Read */

const BURST = 1500; // milliseconds
const FULL_SEARCH = 8; // in Mirror, one frame in so many is searched completely
const RATED = 20; // frames over which the frame rate is averaged

export class Capture {
  /**
   * @param {import('./camera.js').Camera} camera
   * @param {import('./reader.js').Reader} reader
   */
  constructor(camera, reader) {
    this.camera = camera;
    this.reader = reader;
  }

  /**
   * The camera's next picture.
   * @returns {Promise<Read>}
   */
  async single() {
    await this.camera.nextFrame();
    const {canvas, image} = this.camera.shoot();
    return {canvas, faces: await this.reader.read(image)};
  }

  /**
   * A photo. Small faces are searched for only if there is no large one.
   * @param {HTMLCanvasElement} canvas
   * @returns {Promise<Read>}
   */
  async photo(canvas) {
    const context = /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d'));
    const pixels = () => context.getImageData(0, 0, canvas.width, canvas.height); // reading transfers them to the worker
    let faces = await this.reader.read(pixels());
    if (faces.length === 0) faces = await this.reader.read(pixels(), {smallFaces: true});
    return {canvas, faces};
  }

  /**
   * Camera frames for a second and a half, or longer if a score needs more of them.
   * @param {() => boolean} isWanted
   * @returns {Promise<Read[]>}
   */
  async burst(isWanted) {
    /** @type {Read[]} */
    const shots = [];
    const end = clock.now() + BURST;
    /** @type {Box[]} */
    let known = [];
    let lost = false; // a face was not found again, so the whole picture is searched
    for await (const {canvas, image} of this.frames(() => isWanted() && (clock.now() < end || shots.length < RUN))) {
      const faces = await this.reader.read(image, {known, onlyKnown: known.length > 0 && !lost});
      lost = faces.length < known.length;
      known = faces.map((face) => face.box);
      shots.push({canvas, faces});
    }
    return shots;
  }

  /**
   * Reads frame after frame.
   * @param {() => boolean} isWanted
   * @param {(faces: Face[], framesPerSecond: number | null) => void} onFaces
   */
  async reflect(isWanted, onFaces) {
    /** @type {Box[]} */
    let known = [];
    /** @type {number[]} */
    let times = [];
    let frame = 0;
    for await (const {image} of this.frames(isWanted, document.createElement('canvas'))) {
      const faces = await this.reader.read(image, {known, onlyKnown: known.length > 0 && frame % FULL_SEARCH !== 0});
      if (!isWanted()) return;
      frame += 1;
      known = faces.map((face) => face.box);
      times = [...times.slice(-RATED), performance.now()];
      const seconds = (times[times.length - 1] - times[0]) / 1000;
      onFaces(faces, times.length > 1 ? (times.length - 1) / seconds : null);
    }
  }

  /**
   * The camera's frames. The next frame is awaited while the last one is read.
   * @param {() => boolean} isWanted
   * @param {HTMLCanvasElement} [canvas] to draw all of them on, a new one for each by default
   */
  async *frames(isWanted, canvas) {
    let upcoming = this.camera.nextFrame();
    while (isWanted()) {
      await upcoming;
      upcoming = this.camera.nextFrame();
      upcoming.catch(() => {}); // the last one is never awaited
      yield this.camera.shoot(canvas);
    }
  }
}
