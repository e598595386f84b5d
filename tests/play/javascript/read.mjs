// node read.mjs WASM_DIR DETECTOR MODEL < JSON prints as JSON what the page's reader finds in raw RGB pictures.
import '../../javascript/node_shim.mjs';
import {readFileSync} from 'node:fs';
import {createRequire} from 'node:module';
import {pathToFileURL} from 'node:url';
import {DEFAULT_FRAMING} from '../../../fer_lightning/play/www/crop.js';
import {compile, goldenDifference, read} from '../../../fer_lightning/play/www/reading.js';

const [wasm, detector, model] = process.argv.slice(2);
const {pictures, golden} = JSON.parse(readFileSync(0, 'utf8'));
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
const difference = golden ? await goldenDifference(networks, golden) : null;
process.stdout.write(JSON.stringify({answers, difference}));
