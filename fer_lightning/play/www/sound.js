// Soft ticks for the countdown. Off until the player switches them on.

/** @type {AudioContext | null} */
let context = null;

/** @param {HTMLElement} button that switches the sound on and off */
export function connectSound(button) {
  button.addEventListener('click', () => {
    const on = context === null;
    button.textContent = on ? 'Sound: on' : 'Sound: off';
    if (on) context = new AudioContext();
    else {
      context?.close();
      context = null;
    }
  });
}

/** @param {boolean} last whether the countdown ends with it */
export function tick(last) {
  if (context === null) return;
  const tone = context.createOscillator();
  const volume = context.createGain();
  const now = context.currentTime;
  tone.frequency.value = last ? 880 : 440;
  volume.gain.setValueAtTime(0.08, now);
  volume.gain.exponentialRampToValueAtTime(0.001, now + 0.25);
  tone.connect(volume).connect(context.destination);
  tone.start(now);
  tone.stop(now + 0.25);
}
