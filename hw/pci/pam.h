/* SPDX-License-Identifier: MIT */
/*
 * What Intel's host bridges do with memory from 0xa0000 to 1 MiB: the programmable attribute map by
 * which RAM is shown in place of ROM (Intel 82441FX data sheet, 3.2.11; Q35 data sheet, 5.1.14),
 * and RAM for system management at 0xa0000, behind the display's window.
 */
#ifndef HW_PCI_PAM_H
#define HW_PCI_PAM_H

#include "hw/device.h"

#define PAM_REGISTERS 7
#define PAM_SEGMENTS 13
#define PAM_BASE 0xc0000u
#define PAM_BYTES 0x40000u

#define SMRAM_BASE 0xa0000u
#define SMRAM_BYTES 0x20000u

/* Bits of a segment's attributes. */
enum {
    PAM_READ = 1, /* reads are RAM's */
    PAM_WRITE = 2
};

struct pam_segment {
    struct pam *pam;
    uint32_t base, size, mode;
    const struct mem_range *shown; /* NULL: RAM, which lies below */
};

struct pam {
    struct space *memory;
    uint8_t *ram; /* host memory of address 0 on, 1 MiB at least */
    uint8_t *rom; /* what is seen from PAM_BASE on that is not RAM; the board's */
    struct pam_segment segment[PAM_SEGMENTS];
    const struct mem_range *smram;
};

/* All segments show ROM. The space has RAM there, of a lower priority than 1, but none at 0xa0000.
 */
void pam_init(struct pam *p, struct space *memory, uint8_t *ram, uint8_t *rom);
void pam_fini(struct pam *p);
/* As those registers say. */
void pam_update(struct pam *p, const uint8_t *registers);
/* Whether RAM at 0xa0000 is seen in place of the display. */
void pam_open_smram(struct pam *p, bool open);

#endif
