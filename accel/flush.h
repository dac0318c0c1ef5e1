/* SPDX-License-Identifier: MIT */
/* Flushes of TLBs, own and others'; see flush.c. */
#ifndef ACCEL_FLUSH_H
#define ACCEL_FLUSH_H

#include <stdint.h>

struct tcg;
struct vcpu;

/* Returns when no vCPU has the page at host open for writing (NULL: any page). Any thread, without
 * a lock that vCPUs wait for. */
void tcg_close_pages(struct tcg *a, const uint8_t *host);
void tcg_map_changed(struct tcg *a); /* the map of physical memory has; any thread */
/* Behind an access of v that changed the map (map_changed), where no host address is kept that was
 * found before: waits until the other vCPUs know of it as well. */
void tcg_settle_map(struct vcpu *v);

#endif
