/* pix2pix: translates pictures with a trained generator. Made by cbindgen of crates/pix2pix-c: do not edit.
 *
 * A function that fails returns NULL or false, and pix2pix_last_error tells why. A generator may be used by several
 * threads at once, and is freed once. */

#ifndef PIX2PIX_H
#define PIX2PIX_H

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

/*
 What a sample is stored as.
 */
typedef enum {
  /*
   uint8_t, 0 to 255.
   */
  PIX2PIX_DEPTH_U8,
  /*
   uint16_t, 0 to 65535.
   */
  PIX2PIX_DEPTH_U16,
  /*
   float.
   */
  PIX2PIX_DEPTH_F32,
} Pix2pixDepth;

/*
 A trained generator.
 */
typedef struct Pix2pixGenerator Pix2pixGenerator;

/*
 What the pictures of one side are: the samples of a picture stand row by row, the channels of a pixel side by side.
 */
typedef struct {
  /*
   Channels, 1 to 16.
   */
  uint32_t channels;
  /*
   What a sample is stored as.
   */
  Pix2pixDepth depth;
} Pix2pixDomain;

/*
 How a picture is translated.
 */
typedef struct {
  /*
   Whether dropout acts, as in the paper.
   */
  bool dropout;
  /*
   Seed of the dropout: another one makes another picture.
   */
  uint64_t seed;
} Pix2pixOptions;

#ifdef __cplusplus
extern "C" {
#endif // __cplusplus

/*
 Why the last call on this thread failed, in UTF-8; NULL if none has. It is there until another call fails.
 */
const char *pix2pix_last_error(void);

/*
 Loads a checkpoint file, or the newest one of a run folder, from a path in UTF-8; NULL if that fails.

 # Safety
 `path` must be NULL or a string that ends with a zero.
 */
Pix2pixGenerator *pix2pix_load(const char *path);

/*
 Frees a generator; NULL is nothing to free.

 # Safety
 `generator` must be NULL, or of pix2pix_load and not freed yet.
 */
void pix2pix_free(Pix2pixGenerator *generator);

/*
 What a generator translates from.

 # Safety
 `generator` must be of pix2pix_load and not freed yet.
 */
Pix2pixDomain pix2pix_source(const Pix2pixGenerator *generator);

/*
 What a generator translates to.

 # Safety
 `generator` must be of pix2pix_load and not freed yet.
 */
Pix2pixDomain pix2pix_target(const Pix2pixGenerator *generator);

/*
 As in the paper: dropout acts, of seed 0.
 */
Pix2pixOptions pix2pix_default_options(void);

/*
 Translates a picture of `width` by `height` pixels of the generator's source to one of that size of its target.
 `pixels` has `pixels_size` bytes and `output` has room for `output_size`; both must be what the pictures have.

 # Safety
 `generator` must be of pix2pix_load and not freed yet, `options` NULL (for the default ones) or options, and the
 two buffers as large as said.
 */
bool pix2pix_translate(const Pix2pixGenerator *generator,
                       const void *pixels,
                       size_t pixels_size,
                       uint32_t width,
                       uint32_t height,
                       const Pix2pixOptions *options,
                       void *output,
                       size_t output_size);

#ifdef __cplusplus
}  // extern "C"
#endif  // __cplusplus

#endif  /* PIX2PIX_H */
