/* SPDX-License-Identifier: MIT */
/* The 16550A UART as PCs have it, on the ISA bus. */
#ifndef HW_CHAR_SERIAL16550_H
#define HW_CHAR_SERIAL16550_H

#include "base/stream.h"
#include "hw/device.h"

extern const struct device_class serial16550_class;

/* Connects the UART to s (not owned; NULL: nothing) instead of its chardev property. Between
 * device_new and device_create. */
void serial16550_set_stream(struct device *d, struct stream *s);

#endif
