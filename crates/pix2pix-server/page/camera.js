// The camera as input.

export class Camera {
  #video = Object.assign(document.createElement("video"), { muted: true, playsInline: true });

  get isOn() {
    return this.#video.srcObject !== null;
  }

  /** The newest picture: { image, width, height }. */
  get picture() {
    return { image: this.#video, width: this.#video.videoWidth, height: this.#video.videoHeight };
  }

  /** Asks for the camera; of a phone's cameras, for the one at the back. `ended` is called if it is taken away. */
  async start(ended) {
    if (!navigator.mediaDevices) throw new Error("Cameras need a page that was opened over https or from this machine.");
    const stream = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "environment" } }).catch((reason) => {
      throw new Error(reason.name === "NotFoundError" ? "There is no camera." : `The camera cannot be used: ${reason.message}.`);
    });
    stream.getVideoTracks()[0].addEventListener("ended", ended);
    this.#video.srcObject = stream;
    await this.#video.play();
  }

  stop() {
    for (const track of this.#video.srcObject?.getTracks() ?? []) track.stop();
    this.#video.srcObject = null;
  }
}
