// Saves and shares a picture, on a click only.

const NAME = 'best-actor.png';

/** @returns {boolean} whether this browser can share pictures */
export function canShare() {
  return 'canShare' in navigator && navigator.canShare({files: [new File([], NAME, {type: 'image/png'})]});
}

/** @param {HTMLCanvasElement} canvas */
export async function save(canvas) {
  const url = URL.createObjectURL(await toBlob(canvas));
  const link = document.createElement('a');
  Object.assign(link, {href: url, download: NAME});
  link.click();
  setTimeout(() => URL.revokeObjectURL(url), 1000);
}

/** @param {HTMLCanvasElement} canvas */
export async function share(canvas) {
  const file = new File([await toBlob(canvas)], NAME, {type: 'image/png'});
  await navigator.share({files: [file]}).catch(() => {}); // closing the dialog is not an error
}

/**
 * @param {HTMLCanvasElement} canvas
 * @returns {Promise<Blob>}
 */
function toBlob(canvas) {
  return new Promise((resolve) => canvas.toBlob((blob) => resolve(/** @type {Blob} */ (blob)), 'image/png'));
}
