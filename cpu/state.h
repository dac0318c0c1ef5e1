/* SPDX-License-Identifier: MIT */
/*
 * The state of a vCPU as bytes: what all architectures have, then the class's own part. Only while
 * it does not run. Like the state of a device (hw/state.h) it is read twice, first without store.
 */
#ifndef CPU_STATE_H
#define CPU_STATE_H

#include "cpu/cpu.h"

void vcpu_write(struct vcpu *v, struct strbuf *out);
/* Of a section of that version, at most vcpu_version. false: e says what is wrong. */
bool vcpu_read(struct vcpu *v, const void *bytes, size_t n, unsigned version, bool store,
               struct error *e);
unsigned vcpu_version(const struct vcpu *v);
/* After the state was stored: false, with what is wrong with it. Nothing has followed from it yet.
 */
bool vcpu_check(struct vcpu *v, struct error *e);
/* After the state was stored for good: what follows from it. The accelerator is told apart. */
void vcpu_loaded(struct vcpu *v);

#endif
