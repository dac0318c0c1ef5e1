/* SPDX-License-Identifier: MIT */
/* What the monitor does to the images behind disks: commit, and block_stream beside the guest. Loop
 * thread. */
#include <inttypes.h>
#include <string.h>

#include "base/mem.h"
#include "block/job.h"
#include "system/loop.h"
#include "system/say.h"
#include "system/vm.h"

/* ---- commit */

static bool has_backing(const struct block *b)
{
    return block_node_child(block_node_skip_filters(block_node(b)), "backing") != NULL;
}

bool vm_has_job(const struct vm *vm, const struct block *b)
{
    const struct vm_job *j = vm->jobs;
    while (j && block_job_disk(j->job) != b) {
        j = j->next;
    }
    return j != NULL;
}

static bool commit_one(struct vm *vm, struct block *b, struct error *e)
{
    if (vm_has_job(vm, b)) {
        return error_set(e, "a job is under way on %s", block_file(b));
    }
    block_pause(b);
    bool good = block_node_commit(block_node(b), NULL, NULL, e);
    block_resume(b);
    return good;
}

static bool commit_all(struct vm *vm, struct error *e)
{
    struct block *b;
    for (size_t i = 0; (b = vm_disk_at(vm, i)); i++) {
        if (has_backing(b) && !commit_one(vm, b, e)) {
            return false;
        }
    }
    return true;
}

bool vm_block_commit(struct control *c, const char *id, struct error *e)
{
    struct vm *vm = (struct vm *)c;
    const bool running = c->state == RUN_RUNNING, all = strcmp(id, "all") == 0;
    struct block *b = all ? NULL : vm_find_disk(vm, id, e);
    if (!all && !b) {
        return false;
    }
    if (running) {
        vm_halt(vm);
    }
    bool good = all ? commit_all(vm, e) : commit_one(vm, b, e);
    if (running) {
        vm_go(vm);
    }
    return good;
}

/* ---- jobs */

static void take_out(struct vm_job *j)
{
    struct vm_job **at = &j->vm->jobs;
    while (*at != j) {
        at = &(*at)->next;
    }
    *at = j->next;
}

static void end(struct vm_job *j)
{
    struct error e;
    take_out(j);
    if (!block_job_end(j->job, &e)) {
        say_warning("block_stream: %s", e.text);
    }
    mem_free(j);
}

/* With the vCPUs stopped: what is counted goes on when the disk does. */
static void end_in_loop(void *opaque)
{
    struct vm *vm = opaque;
    const bool running = vm->control.state == RUN_RUNNING;
    struct vm_job *next;
    if (running) {
        vm_halt(vm);
    }
    for (struct vm_job *j = vm->jobs; j; j = next) {
        next = j->next;
        if (block_job_is_over(j->job)) {
            end(j);
        }
    }
    if (running) {
        vm_go(vm);
    }
}

static void over(void *opaque)
{
    struct vm *vm = opaque;
    loop_post(vm->loop, end_in_loop, vm);
}

bool vm_block_stream(struct control *c, const char *id, struct error *e)
{
    struct vm *vm = (struct vm *)c;
    struct block *b = vm_find_disk(vm, id, e);
    if (!b) {
        return false;
    }
    if (vm_has_job(vm, b)) {
        return error_set(e, "a job is under way on %s", block_file(b));
    }
    struct block_job *job = block_stream_start(b, over, vm, e);
    if (!job) {
        return false;
    }
    struct vm_job *j = mem_alloc(sizeof(*j));
    *j = (struct vm_job){.next = vm->jobs, .job = job, .vm = vm};
    vm->jobs = j;
    return true;
}

bool vm_block_job_cancel(struct control *c, const char *id, struct error *e)
{
    struct vm *vm = (struct vm *)c;
    const struct block *b = vm_find_disk(vm, id, e);
    if (!b) {
        return false;
    }
    for (struct vm_job *j = vm->jobs; j; j = j->next) {
        if (block_job_disk(j->job) == b) {
            block_job_cancel(j->job);
            return true;
        }
    }
    return error_set(e, "no job is under way on %s", block_file(b));
}

void vm_describe_jobs(struct vm *vm, struct strbuf *out)
{
    for (const struct vm_job *j = vm->jobs; j; j = j->next) {
        const struct block *b = block_job_disk(j->job);
        uint64_t done, all;
        block_job_progress(j->job, &done, &all);
        strbuf_printf(out, "Streaming device %s: Completed %" PRIu64 " of %" PRIu64 " bytes\n",
                      block_id(b) ? block_id(b) : block_file(b), done, all);
    }
    if (!vm->jobs) {
        strbuf_puts(out, "No active jobs\n");
    }
}

void vm_end_jobs(struct vm *vm, const struct block *of)
{
    struct vm_job *next;
    for (struct vm_job *j = vm->jobs; j; j = next) {
        next = j->next;
        if (!of || block_job_disk(j->job) == of) {
            struct error e;
            take_out(j);
            block_job_cancel(j->job);
            block_job_end(j->job, &e); /* its disk goes: nobody is interested */
            mem_free(j);
        }
    }
}
