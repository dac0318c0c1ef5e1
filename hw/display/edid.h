/* SPDX-License-Identifier: MIT */
/* What a monitor says of itself: VESA E-EDID 1.4. */
#ifndef HW_DISPLAY_EDID_H
#define HW_DISPLAY_EDID_H

#include <stdint.h>

#define EDID_BYTES 128
#define EDID_LEAST 64 /* pixels of a side that it can tell of */
#define EDID_MOST 4095

/* A monitor that likes a mode of that size best. */
void edid_fill(unsigned width, unsigned height, uint8_t bytes[EDID_BYTES]);

#endif
