/* SPDX-License-Identifier: MIT */
/* What a change of the map of memory means for code; see remap.c. */
#ifndef ACCEL_REMAP_H
#define ACCEL_REMAP_H

#include "accel/tlb.h"

struct tcg;

struct code_page;

/* Under the translate lock: a block was made from what hit says, on p. false: that is no longer
 * what is mapped there, so the block serves once. */
bool remap_note_code(struct vcpu *v, const struct tlb_hit *hit, struct code_page *p);
/* Behind a change of the map, without the lock: code whose memory is no longer at its address is
 * gone. */
void remap_drop_code(struct tcg *a);
void remap_create(struct tcg *a); /* before the listener for changes is */
void remap_destroy(struct tcg *a);

#endif
