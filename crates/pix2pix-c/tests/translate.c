/* Translates one picture of raw samples: translate MODEL WIDTH HEIGHT INPUT OUTPUT. Tests all errors first. */
#define _POSIX_C_SOURCE 200112L
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "pix2pix.h"

static void fail(const char *what) {
    const char *reason = pix2pix_last_error();
    fprintf(stderr, "%s: %s\n", what, reason ? reason : "no reason");
    exit(1);
}

static void expect_error(const char *told) {
    const char *reason = pix2pix_last_error();
    if (!reason || !strstr(reason, told)) fail(told);
}

/* A forked process does not have the threads of its parent, which have translated. */
static void expect_the_same_from_a_fork(const Pix2pixGenerator *generator, const void *pixels, size_t pixels_size,
                                        uint32_t width, uint32_t height, const Pix2pixOptions *options,
                                        const void *expected, size_t output_size) {
    pid_t child = fork();
    if (child == 0) {
        alarm(60); /* ends a process that waits for threads */
        void *output = malloc(output_size);
        bool done = pix2pix_translate(generator, pixels, pixels_size, width, height, options, output, output_size);
        /* again, on the threads that it has now */
        done = done && pix2pix_translate(generator, pixels, pixels_size, width, height, options, output, output_size);
        _exit(done && memcmp(output, expected, output_size) == 0 ? 0 : 1);
    }
    int status = 0;
    if (child < 0 || waitpid(child, &status, 0) != child || status != 0) fail("a forked process");
}

int main(int count, char **words) {
    if (count != 6) return 2;
    if (pix2pix_last_error() || pix2pix_source(NULL).channels || pix2pix_target(NULL).channels) return 10;
    expect_error("the generator is NULL");
    if (pix2pix_load(NULL) || pix2pix_load("nowhere.safetensors")) return 3;
    expect_error("nowhere.safetensors");
    /* it stays what a program is told that does not look at every result, until a generator is loaded */
    char none = 0;
    if (pix2pix_source(NULL).channels || pix2pix_translate(NULL, &none, 0, 16, 16, NULL, &none, 0)) return 15;
    expect_error("nowhere.safetensors");
    if (pix2pix_target(NULL).channels || pix2pix_size(NULL).width) return 16;
    expect_error("nowhere.safetensors");

    Pix2pixGenerator *generator = pix2pix_load(words[1]);
    if (!generator) fail("load");
    uint32_t width = atoi(words[2]), height = atoi(words[3]);
    Pix2pixDomain source = pix2pix_source(generator), target = pix2pix_target(generator);
    Pix2pixSize trained = pix2pix_size(generator);
    if (trained.width != 64 || trained.height != 64 || pix2pix_size(NULL).width) return 11;
    if (source.depth != PIX2PIX_DEPTH_U8 || target.depth != PIX2PIX_DEPTH_U8) return 4;
    size_t pixels_size = (size_t)width * height * source.channels;
    size_t output_size = (size_t)width * height * target.channels;
    unsigned char *pixels = malloc(pixels_size), *output = malloc(output_size);

    FILE *file = fopen(words[4], "rb");
    if (!file || fread(pixels, 1, pixels_size, file) != pixels_size) return 5;
    fclose(file);

    if (pix2pix_translate(generator, pixels, pixels_size - 1, width, height, NULL, output, output_size)) return 6;
    expect_error("pixels of");
    if (pix2pix_translate(generator, pixels, pixels_size, 0, height, NULL, output, output_size)) return 7;
    expect_error("0x");
    if (pix2pix_translate(generator, pixels, 15 * 16 * 3, 15, 16, NULL, output, 15 * 16 * 3)) return 12;
    expect_error("15x16 pixels; it must have at least 16");
    if (pix2pix_translate(NULL, pixels, pixels_size, width, height, NULL, output, output_size)) return 8;
    expect_error("the generator is NULL");
    if (pix2pix_translate(generator, NULL, pixels_size, width, height, NULL, output, output_size)) return 17;
    expect_error("the pixels or the output is NULL");

    Pix2pixOptions options = pix2pix_default_options();
    options.overlap = 16;
    if (pix2pix_translate(generator, pixels, pixels_size, width, height, &options, output, output_size)) return 13;
    expect_error("give `tile` too");
    options.tile = 60;
    if (pix2pix_translate(generator, pixels, pixels_size, width, height, &options, output, output_size)) return 14;
    expect_error("`tile` is 60");
    options.tile = 64;
    options.seed = 7;
    if (!pix2pix_translate(generator, pixels, pixels_size, width, height, &options, output, output_size))
        fail("translate");
    expect_the_same_from_a_fork(generator, pixels, pixels_size, width, height, &options, output, output_size);
    file = fopen(words[5], "wb");
    if (!file || fwrite(output, 1, output_size, file) != output_size || fclose(file)) return 9;
    pix2pix_free(generator);
    pix2pix_free(NULL);
    free(pixels);
    free(output);
    return 0;
}
