// node read.mjs WASM_DIR DETECTOR MODEL < JSON prints as JSON what the page's reader finds in raw RGB pictures, and by
// how many bytes the runtime's memory grows while the first of them is read again and again.
import '../../javascript/node_shim.mjs';
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {pathToFileURL} from 'node:url';
import {DEFAULT_FRAMING} from '../../../fer_lightning/play/www/crop.js';
import {compile, goldenDifference, read} from '../../../fer_lightning/play/www/reading.js';

/** @type {WebAssembly.Memory} */
let memory;
const {instantiate} = WebAssembly;
WebAssembly.instantiate = async (...words) => {
  const made = await instantiate(...words);
  const found = Object.values((made.instance ?? made).exports).find((each) => each instanceof WebAssembly.Memory);
  if (found) memory = found;
  return made;
};

const [wasm, detector, model] = process.argv.slice(2);
const {pictures, golden, repeats} = JSON.parse(readFileSync(0, 'utf8'));
const core = createRequire(new URL('../../javascript/', import.meta.url)).resolve('@litertjs/core');
const litert = await import(pathToFileURL(core).href);
await litert.loadLiteRt(pathToFileURL(`${wasm}/`).href);
const networks = await compile(litert, readFileSync(detector), readFileSync(model));
const answers = [];
for (const {file, width, height, smallFaces} of pictures) {
  const picture = {width, height, channels: 3, data: readFileSync(file)};
  const faces = await read(networks, picture, DEFAULT_FRAMING, {smallFaces});
  answers.push(faces.map((face) => ({...face, crop: [...face.crop]})));
}
const before = memory.buffer.byteLength;
const [{file, width, height}] = pictures;
const picture = {width, height, channels: 3, data: readFileSync(file)};
const known = answers[0].map((face) => face.box);
for (let frame = 0; frame < repeats; frame += 1) await read(networks, picture, DEFAULT_FRAMING, {known, onlyKnown: true});
const growth = memory.buffer.byteLength - before;
const difference = golden ? await goldenDifference(networks, golden) : null;
process.stdout.write(JSON.stringify({answers, difference, growth}));
