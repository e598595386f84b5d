// Reads faces with @vladmandic/face-api, for benchmarks.reading; run in the folder where it is installed.

const fs = require('node:fs');
const path = require('node:path');
const readline = require('node:readline');
const sharp = require('sharp');
require('@tensorflow/tfjs');
const wasm = require('@tensorflow/tfjs-backend-wasm');
const faceapi = require('@vladmandic/face-api/dist/face-api.node-wasm.js');

const folderOf = (name) => path.dirname(require.resolve(`${name}/package.json`));
const LABELS = {angry: 'angry', disgusted: 'disgust', fearful: 'fear', surprised: 'surprise'};
const bytes = (folder) =>
  fs.readdirSync(folder, {recursive: true, withFileTypes: true}).reduce(
    (sum, entry) => sum + (entry.isFile() ? fs.statSync(path.join(entry.parentPath, entry.name)).size : 0),
    0,
  );

async function start() {
  wasm.setWasmPaths(`${folderOf('@tensorflow/tfjs-backend-wasm')}/dist/`);
  await faceapi.tf.setBackend('wasm');
  await faceapi.tf.ready();
  const models = path.join(folderOf('@vladmandic/face-api'), 'model');
  await faceapi.nets.ssdMobilenetv1.loadFromDisk(models);
  await faceapi.nets.faceExpressionNet.loadFromDisk(models);
}

async function read(file) {
  const picture = sharp(file).rotate().removeAlpha().toColourspace('srgb').raw();
  const {data, info} = await picture.toBuffer({resolveWithObject: true});
  const tensor = faceapi.tf.tensor3d(new Uint8Array(data), [info.height, info.width, 3], 'int32');
  const faces = await faceapi.detectAllFaces(tensor).withFaceExpressions();
  tensor.dispose();
  return faces.map(({detection: {box}, expressions}) => {
    const {expression} = expressions.asSortedArray()[0];
    return [[box.left, box.top, box.right, box.bottom], LABELS[expression] ?? expression];
  });
}

async function main() {
  await start();
  for await (const line of readline.createInterface({input: process.stdin})) {
    const before = process.cpuUsage();
    const started = performance.now();
    const faces = [];
    for (const file of JSON.parse(line)) faces.push(await read(file));
    const used = process.cpuUsage(before);
    const answer = {
      seconds: (performance.now() - started) / 1e3,
      cpu: (used.user + used.system) / 1e6,
      disk: bytes('node_modules'),
      faces,
    };
    console.log(`answer ${JSON.stringify(answer)}`);
  }
}

main();
