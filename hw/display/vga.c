/* SPDX-License-Identifier: MIT */
/* What every VGA card has: memory, registers after reset, state. See vga.h. */
#include "hw/display/vga.h"

#include <string.h>

#include "base/bits.h"
#include "base/mem.h"
#include "hw/display/vga_draw.h"

enum {
    MIB_MOST = 512
};

const struct field vga_regs_fields[] = {
    FIELD_MOST(vga_regs, seq_index, 7),
    FIELD_MOST(vga_regs, gfx_index, 15),
    FIELD(vga_regs, seq),
    FIELD(vga_regs, gfx),
    FIELD(vga_regs, attr),
    FIELD(vga_regs, crtc),
    FIELD(vga_regs, palette),
    FIELD(vga_regs, vbe),
    FIELD(vga_regs, vbe_index),
    FIELD(vga_regs, bank),
    FIELD(vga_regs, misc),
    FIELD(vga_regs, feature),
    FIELD(vga_regs, crtc_index),
    FIELD(vga_regs, attr_index),
    FIELD(vga_regs, attr_data),
    FIELD(vga_regs, status),
    FIELD(vga_regs, dac_state),
    FIELD(vga_regs, dac_read),
    FIELD(vga_regs, dac_write),
    FIELD_MOST(vga_regs, dac_part, 2),
    FIELD(vga_regs, dac_cache),
    FIELD(vga_regs, dac_8bit),
    FIELD(vga_regs, big_endian),
    FIELD_SKIP(vga_regs, pad),
    FIELD(vga_regs, latch),
    FIELD_END,
};

bool vga_init(struct vga *v, struct device *d, uint32_t mib, struct error *e)
{
    if (mib < 1 || mib > MIB_MOST) {
        return error_set(e, "%s: vgamem_mb=%u: from 1 to %u MiB are possible", d->cls->name, mib,
                         MIB_MOST);
    }
    v->bytes = (size_t)1 << 20;
    while (v->bytes < (size_t)mib << 20) {
        v->bytes *= 2;
    }
    v->memory = machine_map_memory(d->machine, v->bytes, e);
    if (!v->memory) {
        error_prefix(e, "%s: ", d->cls->name);
        return false;
    }
    v->host.machine = d->machine;
    v->host.drawn = vga_drawn_new(v);
    for (unsigned i = 0; i < VGA_PORT_ROWS; i++) {
        v->host.ports[i] = (struct vga_ports){v, vga_port_rows[i].first};
    }
    v->host.screen = (struct screen){
        .name = d->cls->name, .id = d->id, .ops = &vga_screen_ops, .opaque = v};
    machine_add_screen(d->machine, &v->host.screen);
    return true;
}

void vga_fini(struct vga *v)
{
    if (!v->host.machine) {
        return;
    }
    vga_memory_unmap(v);
    machine_remove_screen(v->host.machine, &v->host.screen);
    screen_fini(&v->host.screen);
    vga_drawn_free(v->host.drawn);
    os_discard(v->memory, v->bytes);
}

void vga_reset(struct vga *v)
{
    v->regs.vbe[VBE_ID] = VBE_ID_LAST;
    vga_memory_update(v);
}

void vga_loaded(struct vga *v)
{
    vbe_fit(v);
    vga_memory_update(v);
    v->host.drawn->valid = false;
}
