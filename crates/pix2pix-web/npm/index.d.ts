/** A picture: red, green, blue and alpha of each pixel, row by row. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray;
}

/** A type of browsers by its name, where the program that is checked has it; elsewhere another. */
type OfBrowsers<Name extends string, Otherwise> = typeof globalThis extends { [Key in Name]: { prototype: infer Type } }
  ? Type
  : Otherwise;

/** A translated picture: in browsers an `ImageData`, elsewhere its pixels. */
export type Translated = OfBrowsers<"ImageData", Pixels>;

/** A picture to translate: as `Pixels`, or with its bytes in a `Uint8Array`, such as a `Buffer` of Node. */
export interface Source {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8ClampedArray | Uint8Array;
}

export interface LoadOptions {
  /** Called for each part that arrives, with the bytes so far and those in all, if the server tells them. */
  onProgress?: (loaded: number, total: number | undefined) => void;
  /** Stops the download. */
  signal?: AbortSignal;
  /**
   * Name of a cache (the browser's Cache API) that keeps the model for the next visit; what is no model is not kept. A file
   * that changes needs another address then, for instance `model.safetensors?v=2`; older versions of the same path are
   * removed. Default: none.
   */
  cache?: string;
  /**
   * Threads that compute the model. More than one need memory that threads share: in a browser, a page that is cross-origin
   * isolated, which takes the headers `Cross-Origin-Opener-Policy: same-origin` and `Cross-Origin-Embedder-Policy: require-corp`;
   * elsewhere `load` rejects them. They share at most 2 GiB. Default: those of the processor, at most 8, where they are
   * possible, and 1 elsewhere.
   */
  threads?: number;
}

export interface TranslateOptions {
  /** Whether dropout is active, as in the paper. Default: true. */
  dropout?: boolean;
  /** Seed of the dropout, 0 to 2^64 - 1. Another seed gives a different picture. Default: 0. */
  seed?: number | bigint;
}

/** A trained generator. */
export interface Model {
  /** Width of the pictures that it was trained on. */
  readonly width: number;
  /** Height of the pictures that it was trained on. */
  readonly height: number;
  /**
   * Translates a picture of any size; the result has the same size. Alpha of the picture is ignored unless the model was
   * trained with it. Workers compute it, so the calling thread stays free; pictures are translated in the order of the calls.
   * Classes of label maps are colors in pictures and results: those of the model's palette, or of a number of classes those of
   * PASCAL VOC; a picture may also have the class id in red, green and blue.
   * Rejects other arrays, options that there are not and values of another type, with the reason.
   */
  translate(
    picture: Source | OfBrowsers<"HTMLCanvasElement", never> | OfBrowsers<"OffscreenCanvas", never>,
    options?: TranslateOptions,
  ): Promise<Translated>;
  /** Ends its workers and frees its memory. It cannot be used afterwards, and pictures that wait are rejected. */
  free(): void;
}

/**
 * Loads a model: the address of a checkpoint, or of the smaller file that `pix2pix export --format model --weights f16` writes,
 * or its bytes. Rejects, with the reason, when the download is interrupted, the file is damaged, or an option is none.
 */
export function load(model: string | URL | ArrayBuffer | ArrayBufferView, options?: LoadOptions): Promise<Model>;
