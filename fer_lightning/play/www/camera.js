// The camera and its preview. Only the preview is mirrored; pictures are not.

import {h} from './elements.js';

/** @typedef {import('./game.js').Trouble} Trouble */

const WAIT = 8000; // milliseconds without a frame, after which a camera counts as stuck

export class CameraTrouble extends Error {
  /** @param {Trouble} trouble */
  constructor(trouble) {
    super(trouble);
    this.trouble = trouble;
  }
}

export class Camera {
  /** @param {(trouble: Trouble) => void} onEnd called when the camera ends by itself */
  constructor(onEnd) {
    this.video = h('video', {muted: true, playsInline: true, autoplay: true, 'aria-label': 'Your camera, mirrored'});
    this.overlay = h('canvas', {className: 'overlay', 'aria-hidden': 'true'});
    this.preview = h('div', {className: 'preview'}, this.video, this.overlay);
    this.video.addEventListener('resize', () => {
      const {videoWidth, videoHeight} = this.video; // a phone's camera turns with the phone
      if (videoWidth > 0) this.preview.style.aspectRatio = `${videoWidth} / ${videoHeight}`;
    });
    this.onEnd = onEnd;
    /** @type {MediaStream | null} */
    this.stream = null;
    this.request = 0;
  }

  get isLive() {
    return this.stream !== null && this.stream.getVideoTracks().some((track) => track.readyState === 'live');
  }

  /**
   * Asks for the camera and waits for its first frame.
   * @returns {Promise<boolean>} false if the game has moved on in the meantime
   */
  async start() {
    if (this.isLive) {
      await this.video.play();
      return true;
    }
    const request = ++this.request;
    /** @type {MediaStream} */
    let stream;
    try {
      stream = await open();
    } catch (error) {
      if (request !== this.request) return false;
      throw error;
    }
    if (request !== this.request) {
      stop(stream);
      return false;
    }
    this.stream = stream;
    for (const track of stream.getVideoTracks()) {
      track.addEventListener('ended', () => {
        if (this.stream === stream) {
          this.stop();
          this.onEnd('ended');
        }
      });
    }
    this.video.srcObject = stream;
    try {
      await Promise.all([this.video.play(), this.nextFrame()]);
    } catch (error) {
      if (request !== this.request) return false;
      this.stop();
      throw error instanceof CameraTrouble ? error : new CameraTrouble('other');
    }
    return request === this.request;
  }

  stop() {
    this.request += 1;
    if (this.stream !== null) stop(this.stream);
    this.stream = null;
    this.video.srcObject = null;
    this.clear();
  }

  /** Waits for a frame that has not been returned yet. A hidden tab gets none, so the time in it does not count. */
  nextFrame() {
    return new Promise((resolve, reject) => {
      const settled = new AbortController();
      let timer = 0;
      const watch = () => {
        clearTimeout(timer);
        if (document.hidden) return;
        timer = setTimeout(() => {
          settled.abort();
          reject(new CameraTrouble('in-use'));
        }, WAIT);
      };
      const done = () => {
        clearTimeout(timer);
        settled.abort();
        resolve(undefined);
      };
      document.addEventListener('visibilitychange', watch, {signal: settled.signal});
      watch();
      if ('requestVideoFrameCallback' in this.video) this.video.requestVideoFrameCallback(done);
      else setTimeout(done, 1000 / 30);
    });
  }

  /**
   * @param {HTMLCanvasElement} [canvas] to draw on, a new one by default
   * @returns {{canvas: HTMLCanvasElement, image: ImageData}}
   */
  shoot(canvas = document.createElement('canvas')) {
    const {videoWidth: width, videoHeight: height} = this.video;
    if (canvas.width !== width || canvas.height !== height) Object.assign(canvas, {width, height});
    const context = context2d(canvas);
    context.drawImage(this.video, 0, 0);
    return {canvas, image: context.getImageData(0, 0, width, height)};
  }

  clear() {
    this.overlay.getContext('2d')?.clearRect(0, 0, this.overlay.width, this.overlay.height);
  }
}

/** @param {HTMLCanvasElement} canvas */
export function context2d(canvas) {
  return /** @type {CanvasRenderingContext2D} */ (canvas.getContext('2d', {willReadFrequently: true}));
}

const LARGEST = 4096; // pixels a side; some browsers refuse larger canvases

/**
 * @param {Blob} file
 * @returns {Promise<HTMLCanvasElement>} the upright picture, on white where it is transparent
 */
export async function openPhoto(file) {
  const bitmap = await createImageBitmap(file);
  const scale = Math.min(1, LARGEST / Math.max(bitmap.width, bitmap.height));
  const width = Math.max(1, Math.round(bitmap.width * scale));
  const height = Math.max(1, Math.round(bitmap.height * scale));
  const canvas = h('canvas', {width, height, role: 'img', 'aria-label': 'Your photo'});
  const context = context2d(canvas);
  context.fillStyle = 'white';
  context.fillRect(0, 0, width, height);
  context.imageSmoothingQuality = 'high';
  context.drawImage(bitmap, 0, 0, width, height);
  bitmap.close();
  return canvas;
}

/** @returns {Promise<MediaStream>} */
async function open() {
  if (!navigator.mediaDevices) throw new CameraTrouble('insecure');
  try {
    return await navigator.mediaDevices.getUserMedia({
      video: {facingMode: 'user', width: {ideal: 640}, height: {ideal: 480}},
    });
  } catch (error) {
    throw new CameraTrouble(troubleOf(error));
  }
}

/**
 * @param {any} error
 * @returns {Trouble}
 */
function troubleOf(error) {
  switch (error?.name) {
    case 'NotAllowedError':
      return /dismissed/i.test(error.message) ? 'dismissed' : 'denied';
    case 'SecurityError':
      return 'denied';
    case 'NotFoundError':
    case 'OverconstrainedError':
      return 'missing';
    case 'NotReadableError':
    case 'AbortError':
      return 'in-use';
    default:
      return 'other';
  }
}

/**
 * @param {unknown} error of a camera's picture
 * @returns {Trouble}
 */
export function troubleIn(error) {
  return error instanceof CameraTrouble ? error.trouble : 'other';
}

/** @param {MediaStream} stream */
function stop(stream) {
  for (const track of stream.getTracks()) track.stop();
}
