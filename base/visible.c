/* SPDX-License-Identifier: MIT */
/* Text from outside made fit to be shown: see visible.h. UTF-8 is RFC 3629. */
#include "base/visible.h"

#include <stdint.h>
#include <string.h>

/* The length of the sequence that a first byte begins; 0: none. */
static size_t sequence_length(uint8_t first)
{
    if (first < 0xc2) { /* 0xc0 and 0xc1 would be ASCII written long */
        return first < 0x80;
    }
    return first < 0xe0 ? 2 : first < 0xf0 ? 3 : first < 0xf5 ? 4 : 0;
}

/* The bytes of one character, which is shown as it is; 0: the byte is to be escaped. */
static size_t shown(const uint8_t *p, size_t n, bool lines)
{
    const size_t length = sequence_length(p[0]);
    if (length == 0 || length > n) {
        return 0;
    }
    if (length == 1) {
        return (p[0] >= 0x20 && p[0] != 0x7f) || (lines && (p[0] == '\n' || p[0] == '\t'));
    }
    for (size_t i = 1; i < length; i++) {
        if ((p[i] & 0xc0) != 0x80) {
            return 0;
        }
    }
    const bool control = p[0] == 0xc2 && p[1] < 0xa0;
    const bool too_long = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
    const bool surrogate = p[0] == 0xed && p[1] >= 0xa0;
    const bool too_large = p[0] == 0xf4 && p[1] >= 0x90;
    return control || too_long || surrogate || too_large ? 0 : length;
}

size_t visible_copy(char *out, size_t size, const char *text, size_t n, bool lines)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *p = (const uint8_t *)text, *end = p + n;
    size_t used = 0;
    while (p < end) {
        const size_t length = shown(p, (size_t)(end - p), lines);
        const size_t room = size - used;
        if ((length ? length : VISIBLE_GROWTH) >= room) {
            break;
        }
        if (length) {
            memcpy(out + used, p, length);
            used += length;
            p += length;
        } else {
            const char escaped[VISIBLE_GROWTH] = {'\\', 'x', digits[*p >> 4], digits[*p & 15]};
            memcpy(out + used, escaped, VISIBLE_GROWTH);
            used += VISIBLE_GROWTH;
            p++;
        }
    }
    out[used] = '\0';
    return used;
}
