/* SPDX-License-Identifier: MIT */
/* The SMBus host controller that Intel's bridges have: registers at 32 I/O ports. */
#ifndef HW_I2C_SMBUS_HOST_H
#define HW_I2C_SMBUS_HOST_H

#include "hw/i2c/smbus.h"

#define SMBUS_BLOCK_BYTES 32

struct smbus_host {
    struct smbus smbus;
    struct device *dev;
    void (*interrupt)(struct device *d, bool level);
    bool ich; /* has what came with the ICH: byte-wise blocks, the buffer by choice, semaphore */

    /* State; under the machine's lock. */
    uint8_t status, control, command, address, data[2], aux_control;
    uint8_t block[SMBUS_BLOCK_BYTES];
    uint8_t at;    /* next byte of the block for the driver */
    uint8_t left;  /* bytes of a byte-wise block that are still to come */
    uint8_t moved; /* those that went */
    uint8_t byte;  /* of such a block the one that the driver takes or gives */
    uint8_t pad[4];
};

extern const struct field smbus_host_fields[];
extern const struct mmio_ops smbus_host_ops; /* opaque: the struct smbus_host */

/* interrupt is told of the level that it should have. */
void smbus_host_init(struct smbus_host *h, struct device *d, bool ich,
                     void (*interrupt)(struct device *d, bool level));
void smbus_host_fini(struct smbus_host *h);
void smbus_host_reset(struct smbus_host *h);
void smbus_host_loaded(struct smbus_host *h);

#endif
