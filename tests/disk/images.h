/* SPDX-License-Identifier: MIT */
/*
 * images.h - a directory of its own for each test of the file driver, with
 * images in it; it is the working directory, and gone afterwards.
 */
#ifndef PVB_TEST_IMAGES_H
#define PVB_TEST_IMAGES_H

#include <stdbool.h>
#include <stdint.h>

#include <pvb/err.h>

#include "requests.h"

int  images_setup(void **state);                /* for cmocka */
int  images_teardown(void **state);
#define IN_IMAGES(test) \
	cmocka_unit_test_setup_teardown(test, images_setup, images_teardown)

/* A sparse file of that length. */
void image_make(const char *name, uint64_t bytes);
void image_resize(const char *name, uint64_t bytes);

/* A loop with an io_uring, if it can be had; a disk on it. */
int  rig_open(struct rig *rig, const char *uri, uint32_t flags,
              struct pvb_err *e);
void rig_open_good(struct rig *rig, const char *uri, uint32_t flags);
void rig_close(struct rig *rig);

/* A loop device over an image, made with losetup's `options`.  False: it
   cannot be had here. */
bool loop_device_make(const char *image, const char *options,
                      char device[64]);
void loop_device_drop(const char *device);

#endif
