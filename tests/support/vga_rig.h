/* SPDX-License-Identifier: MIT */
/*
 * A VGA card at its old places in a machine without CPUs, and beside it, where there is one, that
 * of the other emulator: each access goes to both, and each answer is compared.
 */
#ifndef TESTS_SUPPORT_VGA_RIG_H
#define TESTS_SUPPORT_VGA_RIG_H

#include "base/surface.h"
#include "hw/isa/isa.h"
#include "hw/machine.h"
#include "tests/support/qtest.h"

#define VGA_RIG_LINEAR UINT64_C(0xe0000000) /* all of its memory */

struct vga_rig {
    struct machine *m;
    struct space *ports;
    struct isa_bus isa;
    struct device *dev;
    struct qtest *other; /* or NULL */
    unsigned differences;
};

/* compare: with the other emulator, if it is there. */
void vga_rig_open(struct vga_rig *r, bool compare);
void vga_rig_close(struct vga_rig *r);

void vga_out(struct vga_rig *r, unsigned port, unsigned size, uint32_t value);
uint32_t vga_in(struct vga_rig *r, unsigned port, unsigned size);
void vga_store(struct vga_rig *r, paddr a, unsigned size, uint32_t value);
uint32_t vga_load(struct vga_rig *r, paddr a, unsigned size);
void vga_write(struct vga_rig *r, paddr a, const uint8_t *bytes, size_t n);

/* Register i of the pair of ports at, of the attribute controller, of the display interface. */
void vga_set(struct vga_rig *r, unsigned at, unsigned i, unsigned value);
unsigned vga_get(struct vga_rig *r, unsigned at, unsigned i);
void vga_set_attr(struct vga_rig *r, unsigned i, unsigned value);
void vga_set_vbe(struct vga_rig *r, unsigned i, unsigned value);
unsigned vga_get_vbe(struct vga_rig *r, unsigned i);
void vga_palette_on(struct vga_rig *r, bool on);

/* A mode by its registers, as tables of firmware have them. */
struct vga_mode {
    uint8_t misc, seq[5], crtc[25], gfx[9], attr[21];
};
extern const struct vga_mode vga_mode_text, vga_mode_ega, vga_mode_256, vga_mode_cga;
void vga_set_mode(struct vga_rig *r, const struct vga_mode *m);

/* What is seen now. */
const struct surface *vga_picture(struct vga_rig *r);
/* The other emulator sees the same, and all registers and so many bytes of memory are the same.
 * False: *why says what is not. */
bool vga_rig_agrees(struct vga_rig *r, size_t memory, char *why, size_t size);

#endif
