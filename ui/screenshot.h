/* SPDX-License-Identifier: MIT */
/* Pictures in files: PPM and PNG. */
#ifndef UI_SCREENSHOT_H
#define UI_SCREENSHOT_H

#include "base/error.h"
#include "base/surface.h"

enum screenshot_format {
    SCREENSHOT_PPM,
    SCREENSHOT_PNG
};

/* Writes the picture to a file that appears whole, or not at all. */
bool screenshot_write(const struct surface *s, const char *path, enum screenshot_format f,
                      struct error *e);

#endif
