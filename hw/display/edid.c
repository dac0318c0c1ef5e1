/* SPDX-License-Identifier: MIT */
/*
 * Data of a monitor: VESA Enhanced EDID Standard, release A2 (EDID 1.4), section 3. The monitor
 * takes any mode; timings have round figures.
 */
#include "hw/display/edid.h"

#include <string.h>

#include "base/bits.h"

enum {
    DPI = 100,

    DESCRIPTORS = 54, /* of 18 bytes */
    DESCRIPTOR_BYTES = 18,
    RANGE_LIMITS = 0xfd,
    NAME = 0xfc,
    ESTABLISHED = 35,
    STANDARD = 38,
    CHECKSUM = 127,
};

/* Modes of the tables: bit in "established timings", or none. */
static const struct mode {
    uint16_t width, height;
    uint8_t established; /* byte 35 + n / 8, bit 7 - n % 8; NONE */
    uint8_t hz;
} modes[] = {
#define NONE 0xff
    {640, 480, 2, 60},      {800, 600, 7, 60},      {1024, 768, 12, 60},    {1280, 720, NONE, 60},
    {1280, 800, NONE, 60},  {1280, 1024, NONE, 60}, {1440, 900, NONE, 60},  {1600, 1200, NONE, 60},
    {1680, 1050, NONE, 60}, {1920, 1080, NONE, 60}, {1920, 1200, NONE, 60},
};

static void checksum(uint8_t *block)
{
    uint8_t sum = 0;
    for (unsigned i = 0; i < CHECKSUM; i++) {
        sum = (uint8_t)(sum + block[i]);
    }
    block[CHECKSUM] = (uint8_t)-sum;
}

/* 3.9: a mode in two bytes; false: its shape has no code. */
static bool put_standard(uint8_t *out, const struct mode *k)
{
    static const struct {
        uint8_t x, y;
    } shapes[] = {{16, 10}, {4, 3}, {5, 4}, {16, 9}};
    for (unsigned i = 0; i < array_len(shapes); i++) {
        if (k->width * shapes[i].y == k->height * shapes[i].x) {
            out[0] = (uint8_t)(k->width / 8 - 31);
            out[1] = (uint8_t)(i << 6 | (k->hz - 60));
            return true;
        }
    }
    return false;
}

static void put_modes(uint8_t *edid)
{
    unsigned standard = 0;
    memset(edid + STANDARD, 1, 16); /* unused */
    for (unsigned i = 0; i < array_len(modes); i++) {
        const struct mode *k = &modes[i];
        if (k->established != NONE) {
            edid[ESTABLISHED + k->established / 8] |= (uint8_t)(0x80 >> k->established % 8);
        } else if (standard < 8) {
            standard += put_standard(edid + STANDARD + 2 * standard, k);
        }
    }
}

/* 3.10.2 */
static void put_timing(unsigned w, unsigned h, uint8_t *out)
{
    const unsigned blank_x = w * 35 / 100, front = w * 25 / 100, sync = w * 3 / 100;
    const unsigned blank_y = h * 35 / 1000, front_y = h * 5 / 1000, sync_y = h * 5 / 1000;
    const uint64_t clock = UINT64_C(75) * (w + blank_x) * (h + blank_y) / 10000;
    const unsigned mm_x = w * 254 / 10 / DPI, mm_y = h * 254 / 10 / DPI;

    store_le16(out, clock > 0xffff ? 0xffff : (uint16_t)clock);
    out[2] = (uint8_t)w;
    out[3] = (uint8_t)blank_x;
    out[4] = (uint8_t)((w >> 8 & 0xf) << 4 | (blank_x >> 8 & 0xf));
    out[5] = (uint8_t)h;
    out[6] = (uint8_t)blank_y;
    out[7] = (uint8_t)((h >> 8 & 0xf) << 4 | (blank_y >> 8 & 0xf));
    out[8] = (uint8_t)front;
    out[9] = (uint8_t)sync;
    out[10] = (uint8_t)((front_y & 0xf) << 4 | (sync_y & 0xf));
    out[11] = (uint8_t)((front >> 8 & 3) << 6 | (sync >> 8 & 3) << 4 | (front_y >> 4 & 3) << 2 |
                        (sync_y >> 4 & 3));
    out[12] = (uint8_t)mm_x;
    out[13] = (uint8_t)mm_y;
    out[14] = (uint8_t)((mm_x >> 8 & 0xf) << 4 | (mm_y >> 8 & 0xf));
    out[17] = 0x18; /* separate syncs */
}

static uint8_t *descriptor(uint8_t *edid, unsigned n, uint8_t kind)
{
    uint8_t *out = edid + DESCRIPTORS + n * DESCRIPTOR_BYTES;
    out[3] = kind;
    return out + 5;
}

/* 3.10.3 */
static void put_descriptors(uint8_t *edid)
{
    static const uint8_t limits[] = {50, 125, 30, 160, 255, 1, '\n', ' ', ' ', ' ', ' ', ' ', ' '};
    memcpy(descriptor(edid, 1, RANGE_LIMITS), limits, sizeof(limits));
    memcpy(descriptor(edid, 2, NAME), "dragoman\n    ", 13);
    descriptor(edid, 3, 0x10); /* none */
}

/* 3.4 to 3.7 */
static void put_identity(unsigned w, unsigned h, uint8_t *edid)
{
    static const uint8_t header[] = {0x00, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x00};
    static const uint8_t srgb[] = {0xee, 0x91, 0xa3, 0x54, 0x4c, 0x99, 0x26, 0x0f, 0x50, 0x54};
    const unsigned id = ('D' - '@') << 10 | ('R' - '@') << 5 | ('G' - '@');
    memcpy(edid, header, sizeof(header));
    edid[8] = (uint8_t)(id >> 8);
    edid[9] = (uint8_t)id;
    store_le16(edid + 10, 0x0001);
    edid[16] = 0xff; /* a model year, not a week */
    edid[17] = 2026 - 1990;
    edid[18] = 1;
    edid[19] = 4;
    edid[20] = 0xa5; /* digital, 8 bits a colour, DisplayPort */
    edid[21] = (uint8_t)(w * 254 / 100 / DPI);
    edid[22] = (uint8_t)(h * 254 / 100 / DPI);
    edid[23] = 120;  /* gamma 2.2 */
    edid[24] = 0x06; /* sRGB; the first timing is the native one */
    memcpy(edid + 25, srgb, sizeof(srgb));
}

void edid_fill(unsigned width, unsigned height, uint8_t bytes[EDID_BYTES])
{
    memset(bytes, 0, EDID_BYTES);
    put_identity(width, height, bytes);
    put_modes(bytes);
    put_timing(width, height, bytes + DESCRIPTORS);
    put_descriptors(bytes);
    checksum(bytes);
}
