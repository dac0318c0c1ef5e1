/* SPDX-License-Identifier: MIT */
/*
 * The state of devices as bytes, and the passes over a machine's devices in which it is taken and
 * put back. Loop thread, with the vCPUs and the clock stopped.
 *
 * Saving: machine_settle (whatever is under way ends, and may raise interrupts), device_write of
 * each, machine_resume once the machine runs again. Loading: machine_settle, device_read of each
 * without store, then with it, machine_check, machine_loaded, machine_resume. No device is written
 * or read while another one is still busy, since its interrupts are a third one's state.
 */
#ifndef HW_STATE_H
#define HW_STATE_H

#include "hw/device.h"
#include "hw/machine.h"

/* Devices keep still from here on. Once more is as good as once. */
void machine_settle(struct machine *m);
/* Devices go on, if they were settled. */
void machine_resume(struct machine *m);
/* After new state was stored everywhere: false, with the device and what is wrong with it. Nothing
 * has followed from the state yet, and the old one may be stored again. */
bool machine_check(struct machine *m, struct error *e);
/* After machine_check: lines, mappings and timers follow from the state. */
void machine_loaded(struct machine *m);

/* A name for d's section that tells it from all other devices of its machine, and that the same
 * command line gives it again: "pcie.0/02.0", "pl011.0". Allocated. */
char *device_path(const struct device *d);

unsigned device_version(const struct device *d);
/* The state of d, which is settled. */
void device_write(const struct device *d, struct strbuf *out);
/* The bytes of a section of that version. Without store d is only looked at; with it bytes that
 * passed before are good. false: e says what is wrong, without naming d. */
bool device_read(struct device *d, const void *bytes, size_t n, unsigned version, bool store,
                 struct error *e);

/* All passes over one device that goes on afterwards. load checks class name, version and all
 * that the passes check; false: the device is as it was. */
void device_save(struct device *d, struct strbuf *out);
bool device_load(struct device *d, const void *bytes, size_t n, struct error *e);

#endif
