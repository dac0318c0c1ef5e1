/* SPDX-License-Identifier: MIT */
/*
 * The System Management Bus (SMBus 2.0): messages between a host controller and devices that have
 * an address of 7 bits. A class of BUS_I2C has a struct smbus_class as its kind; the property
 * "address" of its devices says where they are.
 */
#ifndef HW_I2C_SMBUS_H
#define HW_I2C_SMBUS_H

#include "hw/machine.h"

#define SMBUS_ADDRESSES 128

/* A message is written, read, or written and then read without the bus being free in between. Both
 * under the machine's lock. */
struct smbus_class {
    /* False: the device does not acknowledge. n may be 0. */
    bool (*write)(struct device *d, const uint8_t *bytes, size_t n);
    uint8_t (*read)(struct device *d); /* the next byte of the message */
    size_t address;                    /* offset of the property, a uint32_t */
};

struct smbus {
    struct bus bus;
    struct device *device[SMBUS_ADDRESSES];
};

/* Makes and lists the bus "i2c.N", which owner outlives. */
void smbus_init(struct smbus *b, struct device *owner);
void smbus_fini(struct smbus *b);

extern const struct device_class smbus_eeprom_class, ich9_smbus_class;

#endif
