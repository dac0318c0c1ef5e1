/* SPDX-License-Identifier: MIT */
/* Arm PL011 UART. */
#ifndef HW_CHAR_PL011_H
#define HW_CHAR_PL011_H

#include "base/stream.h"
#include "hw/device.h"

extern const struct device_class pl011_class;

/* Connects the UART to s (not owned; NULL: nothing) instead of its chardev property. Between
 * device_new and device_create. */
void pl011_set_stream(struct device *d, struct stream *s);

#endif
