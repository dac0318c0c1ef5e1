/* SPDX-License-Identifier: MIT */
/*
 * The standard VGA with the display interface of Bochs: what the PCI and the ISA card have in
 * common. IBM VGA/XGA Technical Reference (1992), chapter 2; "VBE DISPI interface" of the Bochs
 * project.
 *
 * Memory is one array, in which the byte of plane p at the planes' offset o is number 4o+p. So what
 * is drawn byte by byte (chain 4, and all modes of the display interface) lies in it as on screen,
 * and the guest may have it as plain memory.
 */
#ifndef HW_DISPLAY_VGA_H
#define HW_DISPLAY_VGA_H

#include "base/surface.h"
#include "hw/machine.h"

/* Index registers of the display interface. */
enum vbe_index {
    VBE_ID,
    VBE_XRES,
    VBE_YRES,
    VBE_BPP,
    VBE_ENABLE,
    VBE_BANK,
    VBE_VIRT_WIDTH,
    VBE_VIRT_HEIGHT,
    VBE_X_OFFSET,
    VBE_Y_OFFSET,
    VBE_MEMORY_64K,
    VBE_REGS
};

enum { /* VBE_ENABLE */
    VBE_ENABLED = 0x01,
    VBE_GETCAPS = 0x02,
    VBE_8BIT_DAC = 0x20,
    VBE_LFB = 0x40,
    VBE_NOCLEAR = 0x80,

    VBE_ID_FIRST = 0xb0c0,
    VBE_ID_LAST = 0xb0c5,
    VBE_MOST_X = 16000,
    VBE_MOST_Y = 12000,
};

#define VGA_COLOURS 256
#define VGA_WINDOW UINT64_C(0xa0000)
#define VGA_WINDOW_BYTES UINT64_C(0x20000)
#define VGA_BANK_BYTES UINT64_C(0x10000)
#define VGA_PLANES_BYTES UINT64_C(0x40000) /* what VGA's own modes see of memory */

/* The registers: all that the picture depends on beside memory and time, and the rest. */
struct vga_regs {
    uint32_t latch;
    uint8_t seq[8], gfx[16], attr[32], crtc[256];
    uint8_t palette[3 * VGA_COLOURS];
    uint16_t vbe[VBE_REGS];
    uint16_t vbe_index, bank; /* the latter is in force, until another mode is chosen */
    uint8_t misc, feature;
    uint8_t seq_index, gfx_index, crtc_index, attr_index;
    bool attr_data; /* the next write to 0x3c0 is data */
    uint8_t status; /* input status 1 */
    uint8_t dac_state, dac_read, dac_write, dac_part, dac_cache[3];
    bool dac_8bit;
    bool big_endian; /* pixels of more than one byte */
    uint8_t pad;
};

extern const struct field vga_regs_fields[];

struct vga_drawn; /* vga_draw.h */

struct vga;

/* Some of its ports. */
struct vga_ports {
    struct vga *vga;
    uint16_t first;
};
#define VGA_PORT_ROWS 6

/* What is no state. */
struct vga_host {
    struct screen screen;
    struct machine *machine;
    struct vga_drawn *drawn;
    /* At 0xa0000: registers, and before them memory itself where it may be had so. */
    const struct mem_range *window, *direct;
    paddr direct_base;
    uint64_t direct_offset, direct_bytes;
    bool watched;                          /* writes to memory are logged */
    struct vga_ports ports[VGA_PORT_ROWS]; /* by vga_port_rows */
};

struct vga {
    struct vga_regs regs; /* under the machine's lock */
    uint8_t *memory;
    size_t bytes; /* a power of two */
    struct vga_host host;
};

/* Rows of a class whose struct has a struct vga. */
#define VGA_FIELDS(type, vga)                                                                      \
    FIELD_PARTS(type, vga.regs, vga_regs_fields, vga_regs),                                        \
        FIELD_PAGES(type, vga.memory, vga.bytes), FIELD_SKIP(type, vga.host)

/*
 * Memory of so many MiB (of which a power of two is made, 1 to 512), and the screen. d is the
 * device, whose lock is the machine's. Ends with vga_fini, also where this fails.
 */
bool vga_init(struct vga *v, struct device *d, uint32_t mib, struct error *e);
void vga_fini(struct vga *v);
void vga_reset(struct vga *v); /* fields are zero */
void vga_loaded(struct vga *v);

/* Shows the window at 0xa0000 of the machine's memory. */
void vga_map_window(struct vga *v);

/* ---- vga_ports.c: registers by their ports, 0x3b0 to 0x3df, a byte each */
uint8_t vga_port_read(struct vga *v, unsigned port);
void vga_port_write(struct vga *v, unsigned port, uint8_t value);
/* Where they are, and those of the display interface. .opaque of the ops is a struct vga_ports. */
struct vga_port_row {
    uint16_t first, count;
    const struct mmio_ops *ops;
};
extern const struct vga_port_row vga_port_rows[VGA_PORT_ROWS];

/* ---- vbe.c: the display interface */
uint16_t vbe_read(struct vga *v, unsigned index);
void vbe_write(struct vga *v, unsigned index, uint16_t value);
/* While a mode of it is on VGA's registers say so, whatever is written to them. */
void vbe_keep(struct vga *v);
/* While a mode is on its numbers are such that the picture is in memory. */
void vbe_fit(struct vga *v);
bool vbe_enabled(const struct vga_regs *r);
/* Bytes from a line to the next, and of memory before the first pixel. */
uint32_t vbe_line_bytes(const struct vga_regs *r);
uint32_t vbe_start(const struct vga_regs *r);

/* ---- vga_memory.c: the window at 0xa0000, byte by byte */
/* A byte for each of the planes that four bits name: all ones. */
uint32_t vga_planes(unsigned bits);
uint8_t vga_memory_read(struct vga *v, unsigned offset);
void vga_memory_write(struct vga *v, unsigned offset, uint8_t value);
/* What the window shows may have changed. */
void vga_memory_update(struct vga *v);
void vga_memory_unmap(struct vga *v);

/* ---- vga_draw.c */
extern const struct screen_ops vga_screen_ops;
struct vga_drawn *vga_drawn_new(const struct vga *v);
void vga_drawn_free(struct vga_drawn *d);

#endif
