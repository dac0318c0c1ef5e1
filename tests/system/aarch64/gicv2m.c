/* SPDX-License-Identifier: MIT */
/* Message-signalled interrupts of GICv2: the GICv2m frame makes SPIs of them. ARM SBSA, appendix E.
 */
#include "tests/system/aarch64/lib/gic.h"

TEST(message_to_the_frame_is_an_spi)
{
    enum {
        MSI_TYPER = 0x8,
        MSI_SETSPI = 0x40
    };
    gic_start();
    unsigned taken = 0;
    u32 type = read32(GICV2M + MSI_TYPER);
    unsigned first = type >> 16 & 0x3ff, count = type & 0x3ff;
    CHECK(first >= 32 && count > 0);
    for (unsigned id = first; id < first + count; id += 9) {
        gic_set_edge(id, true);
        gic_enable(id);
        write32(GICV2M + MSI_SETSPI, id);
        dsb();
        CHECK(gic_pending(id));
        CHECK_EQ(gic_acknowledge(), id);
        gic_end(id);
        CHECK(!gic_pending(id));
        taken++;
    }
    CHECK(taken > 0);
    write32(GICV2M + MSI_SETSPI, first + count); /* not one of its own */
    dsb();
    CHECK_EQ(gic_acknowledge(), GIC_SPURIOUS);
}
