/* SPDX-License-Identifier: MIT */
/*
 * DMA channels of the ISA bus, as devices use them (Intel 8237A data sheet, 231466): a device that
 * has bytes, or wants some, hands them to its channel, and as many go as the channel was programmed
 * for. The controller is hw/isa/i8237.c; a device finds it by isa_dma_of (hw/isa/isa.h).
 *
 * A device that is ready calls isa_dma_to_memory or isa_dma_from_memory. It may be that nothing
 * goes (the channel is masked, or programmed for the other direction): it then keeps its request
 * and tries again when its ready function is called, which happens whenever the guest may have
 * opened the channel; it may well be called for nothing. A device that no longer wants its transfer
 * simply forgets it. Where there is no memory bytes go nowhere, and ones come from.
 *
 * Everything here is called with the machine's lock held, and so is ready; ready may transfer.
 */
#ifndef HW_ISA_DMA_H
#define HW_ISA_DMA_H

#include <stdbool.h>
#include <stddef.h>

#include "base/error.h"

#define ISA_DMA_CHANNELS 8 /* 0 to 3 move bytes, 5 to 7 words; 4 is the cascade's */

struct isa_dma;

/* The device on a channel; ready may be NULL. */
struct isa_dma_client {
    void (*ready)(void *opaque);
    void *opaque;
};

/* Takes the channel for the time that the device lives; false: no such channel, or it is taken. */
bool isa_dma_attach(struct isa_dma *dma, unsigned channel, const struct isa_dma_client *client,
                    struct error *e);
void isa_dma_detach(struct isa_dma *dma, unsigned channel);

/*
 * Moves up to n bytes of the device into guest memory, or out of it, and returns how many went.
 * *terminal says that the last of them was the channel's last (TC): unless it begins anew by itself
 * it is masked from then on. A channel that only verifies takes (gives zeros for) bytes, and leaves
 * memory alone. On channels that move words an odd byte stays. n may be 0.
 */
size_t isa_dma_to_memory(struct isa_dma *dma, unsigned channel, const void *bytes, size_t n,
                         bool *terminal);
size_t isa_dma_from_memory(struct isa_dma *dma, unsigned channel, void *bytes, size_t n,
                           bool *terminal);

#endif
