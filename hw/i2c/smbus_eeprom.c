/* SPDX-License-Identifier: MIT */
/*
 * A serial EEPROM of 256 bytes on the SMBus, as memory modules have one (24C02): the first byte of
 * a written message is an address, what follows is stored from there on; reading goes on behind.
 */
#include "hw/classes.h"
#include "hw/i2c/smbus.h"

#define EEPROM_BYTES 256

struct smbus_eeprom {
    struct device dev;
    uint32_t address; /* property */
    uint8_t next;     /* the byte that is read next */
    uint8_t pad[3];
    uint8_t data[EEPROM_BYTES];
};

static bool eeprom_write(struct device *d, const uint8_t *bytes, size_t n)
{
    struct smbus_eeprom *p = (struct smbus_eeprom *)d;
    for (size_t i = 0; i < n; i++) {
        if (i == 0) {
            p->next = bytes[0];
        } else {
            p->data[p->next++] = bytes[i];
        }
    }
    return true;
}

static uint8_t eeprom_read(struct device *d)
{
    struct smbus_eeprom *p = (struct smbus_eeprom *)d;
    return p->data[p->next++];
}

static const struct smbus_class eeprom_kind = {
    .write = eeprom_write,
    .read = eeprom_read,
    .address = offsetof(struct smbus_eeprom, address),
};

static const struct prop eeprom_props[] = {
    {"address", PROP_U32, offsetof(struct smbus_eeprom, address), "0x50", "on the bus", NULL},
    PROP_END,
};

static const struct field eeprom_fields[] = {
    FIELD(smbus_eeprom, next),
    FIELD_SKIP(smbus_eeprom, pad),
    FIELD_KEEP(smbus_eeprom, data),
    FIELD_END,
};

const struct device_class smbus_eeprom_class = {
    .name = "smbus-eeprom",
    .desc = "EEPROM of 256 bytes on the SMBus",
    .bus = BUS_I2C,
    .size = sizeof(struct smbus_eeprom),
    .props = eeprom_props,
    .fields = eeprom_fields,
    .kind = &eeprom_kind,
};
