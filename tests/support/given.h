/* SPDX-License-Identifier: MIT */
/* What the devices of a whole board are given in tests of all classes: back ends by name, and the
 * properties that a device cannot be without. */
#ifndef TESTS_SUPPORT_GIVEN_H
#define TESTS_SUPPORT_GIVEN_H

#include "hw/machine.h"

/* The drive d, the chardev c and the fsdev f, for whoever asks; other names are refused. */
extern const struct machine_backends given_backends;
void given_begin(void);
void given_end(void);
/* Between them: a file that a PC takes for firmware, 64 KiB that end with a jump. */
const char *given_firmware(void);

/*
 * Plugs a device of the class with what it cannot be without, but for one property (NULL: all of
 * it), and with "property=value,..." (NULL: no more). False: it is refused.
 */
bool given_plug(struct machine *m, const struct device_class *cls, const char *except,
                const char *more, struct error *e);

#endif
