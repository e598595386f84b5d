import assert from 'node:assert/strict';
import test from 'node:test';
import {curtainCall, draw, percentile, points, scoreBurst, scorePicture} from '../../../fer_lightning/play/www/scoring.js';

const face = (score) => ({box: [0, 0, 1, 1], score: 1, probabilities: [1 - score, score], doubt: null, crop: new Uint8Array()});
const burst = (...scores) => scores.map((score) => (score === null ? [] : [face(score)]));

test('a picture without a face has no score', () => {
  assert.deepEqual(scorePicture([], 1), {ok: false, why: 'no-face'});
});

test('the largest face plays and the others are counted', () => {
  const outcome = scorePicture([face(0.25), face(0.9)], 1);
  assert.equal(outcome.score, 0.25);
  assert.equal(outcome.others, 1);
});

test('a fluke in one frame of a burst does not win', () => {
  const outcome = scoreBurst(burst(0.1, 0.2, 0.99, 0.2, 0.3), 1);
  assert.equal(outcome.score, 0.3);
});

test('a burst shows the frame whose score it gets', () => {
  const outcome = scoreBurst(burst(0.1, 0.7, 0.8, 0.75, 0.1), 1);
  assert.equal(outcome.score, 0.75);
  assert.equal(outcome.frame, 3);
});

test('frames on both sides of a lost face are not consecutive', () => {
  assert.deepEqual(scoreBurst(burst(0.9, 0.9, null, 0.9, 0.9), 1), {ok: false, why: 'lost-face'});
  assert.deepEqual(scoreBurst(burst(null, null, null), 1), {ok: false, why: 'no-face'});
  assert.equal(scoreBurst(burst(0.9, 0.9, null, 0.2, 0.2, 0.2), 1).score, 0.2);
});

test('a percentile counts the faces that score lower', () => {
  const table = {made_of: '', labels: {happy: {faces: 5, quantiles: [0.1, 0.2, 0.4, 0.4, 0.8]}}};
  assert.equal(percentile(table, 'happy', 0.05), 0);
  assert.equal(percentile(table, 'happy', 0.1), 0);
  assert.equal(percentile(table, 'happy', 0.15), 12);
  assert.equal(percentile(table, 'happy', 0.4), 50);
  assert.equal(percentile(table, 'happy', 0.6), 87);
  assert.equal(percentile(table, 'happy', 0.9), 100);
});

test('without a table, or a label in it, there is no percentile', () => {
  assert.equal(percentile(null, 'happy', 0.5), null);
  assert.equal(percentile({made_of: '', labels: {}}, 'happy', 0.5), null);
});

test('points have two decimals', () => {
  assert.equal(points(0.87314), '87.31');
  assert.equal(points(1), '100.00');
});

test('the curtain call sums up', () => {
  const {total, best} = curtainCall([0.5, 0.75, 0.25].map((score, target) => ({target, score})));
  assert.equal(total, 1.5);
  assert.equal(best, 1);
});

test('drawn expressions differ', () => {
  for (let seed = 0; seed < 50; seed += 1) {
    let state = seed;
    const random = () => (state = (state * 16807 + 11) % 2147483647) / 2147483647;
    const drawn = draw(5, [0, 1, 2, 3, 4, 5], random);
    assert.equal(new Set(drawn).size, 5);
  }
});
