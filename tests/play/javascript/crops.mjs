// node crops.mjs < JSON prints as JSON the crops of given faces in raw RGB pictures, and the detector's squares.
import {readFileSync} from 'node:fs';
import {cropFace} from '../../../fer_lightning/play/www/crop.js';
import {ANCHORS} from '../../../fer_lightning/play/www/detection.js';
import {regions, square} from '../../../fer_lightning/play/www/regions.js';

const {pictures, sizes} = JSON.parse(readFileSync(0, 'utf8'));
const results = pictures.map(({file, width, height, faces, squares}) => {
  const picture = {width, height, channels: 3, data: readFileSync(file)};
  return {
    crops: faces.map((face) => [...cropFace(picture, face)]),
    squares: squares.map((each) => [...square(picture, ...each).data]),
  };
});
const tiles = sizes.map(([width, height, finest]) => [...regions(width, height, finest)]);
process.stdout.write(JSON.stringify({results, tiles, anchors: [...ANCHORS]}));
