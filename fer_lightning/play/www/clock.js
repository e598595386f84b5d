// The game's clock, which tests speed up.

export const clock = {
  speed: 1,

  /** @returns {number} milliseconds */
  now() {
    return performance.now() * clock.speed;
  },

  /**
   * @param {number} milliseconds
   * @returns {Promise<void>}
   */
  wait(milliseconds) {
    return new Promise((resolve) => setTimeout(resolve, milliseconds / clock.speed));
  },
};
