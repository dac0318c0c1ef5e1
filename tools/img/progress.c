/* SPDX-License-Identifier: MIT */
/* How far a long command has come, and what becomes of it when it is interrupted. */
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/mem.h"
#include "base/os.h"
#include "block/driver.h"
#include "tools/img/img.h"

/* Only ever set by handlers. */
static volatile sig_atomic_t interrupted_by, asked;

static void on_interrupt(int number)
{
    interrupted_by = number;
}

static void on_question(int number)
{
    (void)number;
    asked = 1;
}

void img_interrupt_begin(void)
{
    static const int numbers[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction a = {.sa_handler = on_interrupt, .sa_flags = (int)SA_RESETHAND};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++) {
        struct sigaction old;
        /* What a shell has ignored on behalf of nohup stays ignored. */
        if (sigaction(numbers[i], NULL, &old) == 0 && old.sa_handler != SIG_IGN) {
            sigaction(numbers[i], &a, NULL);
        }
    }
    a = (struct sigaction){.sa_handler = on_question, .sa_flags = SA_RESTART};
    sigaction(SIGUSR1, &a, NULL);
}

bool img_interrupted(void)
{
    return interrupted_by != 0;
}

void img_interrupt_end(void)
{
    if (interrupted_by) {
        fflush(NULL);
        signal(interrupted_by, SIG_DFL);
        raise(interrupted_by);
    }
}

void img_files_take(struct img_files *f, const struct block_node *n)
{
    struct stat st;
    if (n->fd >= 0 && n->file_name && lstat(n->file_name, &st) == 0 && S_ISREG(st.st_mode)) {
        f->path = mem_resize_array(f->path, f->count + 1, sizeof(*f->path));
        f->path[f->count++] = mem_strdup(n->file_name);
    }
    for (size_t i = 0; i < n->child_count; i++) {
        if (n->children[i].node != n->backing) {
            img_files_take(f, n->children[i].node);
        }
    }
}

void img_files_end(struct img_files *f, bool remove)
{
    for (size_t i = 0; i < f->count; i++) {
        if (remove) {
            unlink(f->path[i]);
        }
        mem_free(f->path[i]);
    }
    mem_free(f->path);
    *f = (struct img_files){.count = 0};
}

/* ---- progress */

#define STEP 100 /* a percent */

static void show(uint64_t hundredths)
{
    printf("    (%u.%02u/100%%)\r", (unsigned)(hundredths / 100), (unsigned)(hundredths % 100));
    fflush(stdout);
}

void img_progress_begin(struct img_progress *p, bool on)
{
    *p = (struct img_progress){.on = on};
    if (on) {
        show(0);
    }
}

void img_progress_show(struct img_progress *p, uint64_t done, uint64_t all)
{
    const uint64_t now = all ? (uint64_t)(10000.0L * (long double)done / (long double)all) : 10000;
    if (p->on && (now >= p->shown + STEP || (now == 10000 && p->shown != now))) {
        p->shown = now;
        show(now);
    } else if (!p->on && asked) {
        asked = 0;
        show(now);
        printf("\n");
    }
}

void img_progress_end(struct img_progress *p)
{
    if (p->on) {
        printf("\n");
        fflush(stdout);
        p->on = false;
    }
}

void img_keep_rate(uint64_t rate, int64_t begun_ns, uint64_t done)
{
    const int64_t end = begun_ns + (int64_t)(1e9L * (long double)done / (long double)rate);
    while (!img_interrupted() && os_now_ns() < end) {
        const int64_t soon = os_now_ns() + 100000000;
        os_sleep_until_ns(end < soon ? end : soon);
    }
}
