import {loadLiteRt, loadAndCompile, Tensor} from '@litertjs/core';

async function fetchFile(bundleUrl, name) {
  const response = await fetch(`${bundleUrl}/${name}`);
  if (!response.ok) throw new Error(`${response.url} returned HTTP status ${response.status}`);
  return response;
}

// Call this once per page and keep the model. wasmUrl is where you serve the folder node_modules/@litertjs/core/wasm;
// neither URL ends in a slash.
export async function loadModel(bundleUrl, wasmUrl) {
  await loadLiteRt(wasmUrl);
  const labels = (await (await fetchFile(bundleUrl, 'labels.txt')).text()).trim().split('\n');
  const file = await (await fetchFile(bundleUrl, 'FER2013.tflite')).arrayBuffer();
  return {compiled: await loadAndCompile(new Uint8Array(file), {accelerator: 'wasm'}), labels};
}

// grey: 48 * 48 values from 0 to 255, row by row, top left first. From a canvas's RGBA:
// grey = 0.299 R + 0.587 G + 0.114 B of the face, cropped and resized to 48x48 as "Input" says.
export async function readExpression({compiled, labels}, grey) {
  const input = new Tensor(Float32Array.from(grey, (value) => value / 255), [1, 48, 48, 1]);
  try {
    const [output] = await compiled.run(input);
    const probabilities = await output.data(); // a copy, which outlives the tensor
    output.delete();
    return Object.fromEntries(labels.map((label, index) => [label, probabilities[index]]));
  } finally {
    input.delete(); // the garbage collector does not free tensors
  }
}

export async function checkGolden(model, bundleUrl) {
  const {faces, tolerances} = await (await fetchFile(bundleUrl, 'golden.json')).json();
  const tolerance = tolerances['FER2013.tflite'];
  let largestDifference = 0;
  for (const {label, pixels, probabilities} of faces) {
    const read = Object.values(await readExpression(model, pixels));
    const difference = Math.max(...probabilities.map((expected, index) => Math.abs(read[index] - expected)));
    // not "difference > tolerance", which is false for NaN
    if (!(difference <= tolerance)) throw new Error(`The golden face '${label}' differs by ${difference}.`);
    largestDifference = Math.max(largestDifference, difference);
  }
  return {faces: faces.length, largestDifference, tolerance};
}
