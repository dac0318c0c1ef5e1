/* SPDX-License-Identifier: MIT */
/*
 * Work for a vCPU's thread, from any thread.
 *
 * Errands are about what the accelerator keeps of the guest (TLBs): they touch no register, so they
 * are done in the middle of guest code too, wherever that asks (work_do_errands). Who has posted
 * one may wait until it is done, or until the vCPU is outside guest code: it is done before it
 * enters again. A vCPU that is asleep or stopped keeps them.
 *
 * Jobs find their vCPU outside guest code, with its registers in the CPU struct, to look at and to
 * change: a start, a reset, an interrupt that is no line, an ioctl that is the thread's. A vCPU
 * that is asleep or off wakes for one. They are done in the order of posting. While the machine is
 * stopped they wait until it goes on, or until somebody waits for one behind them; accel_stop
 * returns when all that were posted before are done.
 */
#ifndef ACCEL_WORK_H
#define ACCEL_WORK_H

#include <stdbool.h>
#include <stdint.h>

struct accel;
struct vcpu;

struct vcpu_work;
typedef void (*vcpu_work_fn)(struct vcpu *v, const struct vcpu_work *w);
struct vcpu_work {
    vcpu_work_fn fn;
    /* Of an errand: does what all errands of any kind would, and is called once in place of them if
     * too many wait. */
    vcpu_work_fn all;
    uint64_t args[4];
};

/* Posts an errand to v. Gives its number, for work_is_done and work_wait. */
uint64_t work_post_errand(struct vcpu *v, const struct vcpu_work *w);
/* All errands that were posted up to the last. */
uint64_t work_last_errand(const struct vcpu *v);
/* Done, or v is outside guest code. */
bool work_is_done(const struct vcpu *v, uint64_t number);
/* Waits for that: spins a while, then sleeps. self, which may be NULL, is the vCPU whose code
 * waits: it counts as outside meanwhile. */
void work_wait(struct vcpu *v, uint64_t number, struct vcpu *self);
/* v, whose thread this is, does its errands; those that it has are no longer needed (v is off, or
 * stopped). */
void work_do_errands(struct vcpu *v);
void work_drop_errands(struct vcpu *v);

/* Around guest code, on v's thread. */
void work_enter_guest(struct vcpu *v);
void work_leave_guest(struct vcpu *v);
/* v, in guest code of which it keeps nothing (no host address, no place in a block), goes on when
 * no other vCPU is in guest code, and none enters until it releases them. */
void work_stop_others(struct vcpu *v);
void work_release_others(struct vcpu *v);
/* The same for any thread, of which no vCPU is in guest code: no vCPU is, and none enters until the
 * second. */
void work_close_guest(struct accel *a);
void work_open_guest(struct accel *a);
/* Lets others have the host CPU of v, which is outside, if somebody waits for them. */
void work_make_room(const struct vcpu *v);
bool work_is_crowded(const struct accel *a); /* more vCPUs than host CPUs to run them */

/*
 * Posts a job to v, in the order of calls. From the guest code of a vCPU too: then it must not be
 * waited for. Waits for room if v has many, unless guest code posts them: false then, and v has not
 * got it.
 */
bool work_post_job(struct vcpu *v, const struct vcpu_work *w);
/* The same, and waits until it is done. Not from guest code, and without a lock that v's thread may
 * take. */
void work_run_on(struct vcpu *v, const struct vcpu_work *w);
/* For threads that run vCPUs: v has jobs (awaited: such that somebody waits for); does them
 * (awaited: up to the last of those). */
bool work_has_jobs(const struct vcpu *v, bool awaited);
void work_do_jobs(struct vcpu *v, bool awaited);

#endif
