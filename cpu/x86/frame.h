/* SPDX-License-Identifier: MIT */
/*
 * What transfers to other segments, privilege levels and tasks share: stacks that are not, or not
 * yet, SS's; faults; segments that are looked at before anything changes. Intel SDM, volume 3,
 * chapters 5 to 7.
 */
#ifndef CPU_X86_FRAME_H
#define CPU_X86_FRAME_H

#include "cpu/x86/cpu.h"

/* A stack from its pointer on. It becomes the CPU's when the transfer is done. */
struct x86_frame {
    struct x86_cpu *c;
    const struct x86_segment *seg; /* NULL: of 64-bit code */
    uint64_t sp, mask;
    unsigned bytes; /* of an element */
    memop idx;      /* whose accesses these are */
    uint32_t error; /* of #SS */
};

/* The CPU's own, as the code that runs has it. */
struct x86_frame x86_frame_current(struct x86_cpu *c, unsigned bytes);
/* One in that segment (NULL: of 64-bit code) for privilege level cpl. */
struct x86_frame x86_frame_at(struct x86_cpu *c, const struct x86_segment *seg, uint64_t sp,
                              unsigned bytes, unsigned cpl);
/* false: raised. */
bool x86_frame_push(struct x86_frame *f, uint64_t v);
bool x86_frame_push_all(struct x86_frame *f, const uint64_t *v, unsigned n);
bool x86_frame_pop(struct x86_frame *f, uint64_t *v);
bool x86_frame_pop_all(struct x86_frame *f, uint64_t *v, unsigned n);
/* The stack pointer is that of the frame, as wide as its stack. */
void x86_frame_commit(const struct x86_frame *f);

/* An exception about a selector, whose low bits do not count; false. While an event is delivered
 * the error code says so (EXT). */
bool x86_fault(struct x86_cpu *c, enum x86_vector vector, uint16_t selector);

/* The descriptor of a selector; what is beyond its table, or null, is the exception. */
bool x86_find_descriptor(struct x86_cpu *c, enum x86_vector vector, uint16_t selector, uint64_t *d);
static inline unsigned x86_attr_of(uint64_t descriptor)
{
    return descriptor >> 40 & 0xf0ff;
}
static inline unsigned x86_dpl_of(unsigned attr)
{
    return attr >> X86_A_DPL_SHIFT & 3;
}
/* Sets the accessed bit of a segment that will be loaded. */
bool x86_mark_accessed(struct x86_cpu *c, uint16_t selector, uint64_t *d);

/* The stack of privilege level cpl from the task's TSS: not in long mode. */
bool x86_inner_stack(struct x86_cpu *c, unsigned cpl, struct x86_segment *ss, uint64_t *sp);
/* In long mode: RSP of a level, or with ist of the interrupt stack table. */
bool x86_inner_rsp(struct x86_cpu *c, unsigned cpl, unsigned ist, uint64_t *sp);
/* SS of long mode behind a change to an inner level. */
struct x86_segment x86_null_stack(unsigned cpl);
/* All bytes of the TSS up to at + bytes are there; else #TS. */
bool x86_tss_has(struct x86_cpu *c, unsigned at, unsigned bytes);
bool x86_read_tss(struct x86_cpu *c, unsigned at, unsigned bytes, uint64_t *v);

/* Whether pc lies within the code segment that will be loaded; else #GP(0). */
bool x86_may_go(struct x86_cpu *c, uint64_t descriptor, uint64_t pc);

/* ---- task.c */

enum x86_task_by {
    X86_TASK_JMP,
    X86_TASK_CALL,
    X86_TASK_IRET,
    X86_TASK_EVENT,
    X86_TASK_FAULT /* the same, of an instruction that will be repeated */
};
/* To the task of a TSS, by its selector or by a task gate (whose own rights have been looked at).
 * The old task goes on at next. Behind it RIP is the new one's. false: raised, perhaps by the new
 * task. */
bool x86_task_switch(struct x86_cpu *c, uint16_t selector, enum x86_task_by by, uint64_t next);

/* ---- vm86.c: a segment as virtual-8086 mode has them */
void x86_segment_virtual(struct x86_segment *s, uint16_t selector);

#endif
