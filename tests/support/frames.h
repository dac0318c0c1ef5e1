/* SPDX-License-Identifier: MIT */
/* Ethernet frames for tests: building and picking apart. All numbers are in host order. */
#ifndef TESTS_SUPPORT_FRAMES_H
#define TESTS_SUPPORT_FRAMES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define FRAME_MAX 65535u

struct frame_tcp {
    uint32_t from, to; /* IPv4 */
    uint16_t from_port, to_port;
    uint32_t seq, ack;
    uint8_t flags;
    uint16_t window;
};

enum {
    FRAME_FIN = 1,
    FRAME_SYN = 2,
    FRAME_RST = 4,
    FRAME_PSH = 8,
    FRAME_ACK = 16,
};

/* Both give the frame's length. The TCP checksum is right, or only that of the pseudo header. */
size_t frame_tcp4(uint8_t *f, const uint8_t *to_mac, const struct frame_tcp *t, const void *data,
                  size_t n, bool checksum);
size_t frame_udp4(uint8_t *f, const uint8_t *to_mac, const struct frame_tcp *t, const void *data,
                  size_t n);
size_t frame_arp_request(uint8_t *f, uint32_t from, uint32_t wanted);

/* Fills t from a frame and gives its payload, or NULL if it is not TCP (17: UDP) over IPv4. */
const uint8_t *frame_parse(const uint8_t *f, size_t bytes, unsigned protocol, struct frame_tcp *t,
                           size_t *n);
/* The checksums of IPv4 and of TCP or UDP in it are right. */
bool frame_checksums_good(const uint8_t *f, size_t bytes);

extern const uint8_t frame_mac[6]; /* the guest's */

#endif
