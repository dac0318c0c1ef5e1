/* SPDX-License-Identifier: MIT */
/*
 * Locks on images against other programs: QEMU's protocol, so that the two see each other. There is
 * a byte for each thing that a program does with an image (from 100) and for each that it does not
 * want others to do (from 200), all read-locked; before going on it looks whether anybody holds the
 * opposite byte. The n-th byte of each row stands for bit n of BLOCK_PERM_*.
 */
#include <errno.h>
#include <fcntl.h>

#include "base/bits.h"
#include "block/block_internal.h"

enum {
    DOES = 100,
    FORBIDS = 200,
};
#define LOCK_PATIENCE_NS INT64_C(1000000000)

static int lock_byte(int fd, int command, short type, off_t at)
{
    struct flock l = {.l_type = type, .l_whence = SEEK_SET, .l_start = at, .l_len = 1};
    if (fcntl(fd, command, &l) < 0) {
        return errno == EACCES ? -EAGAIN : -errno;
    }
    return command == F_OFD_GETLK && l.l_type != F_UNLCK ? -EAGAIN : 0;
}

/* Holds the bytes of these sets, lets go of others where drop says so. */
static int hold(int fd, unsigned does, unsigned lets, bool drop)
{
    int r = 0;
    for (unsigned bits = BLOCK_PERM_ALL; bits && r == 0; bits &= bits - 1) {
        const unsigned n = ctz32(bits);
        if (bit(does, n) || drop) {
            r = lock_byte(fd, F_OFD_SETLK, bit(does, n) ? F_RDLCK : F_UNLCK, DOES + n);
        }
        if (r == 0 && (!bit(lets, n) || drop)) {
            r = lock_byte(fd, F_OFD_SETLK, bit(lets, n) ? F_UNLCK : F_RDLCK, FORBIDS + n);
        }
    }
    return r;
}

/* 0, or a negative errno; -EAGAIN: another program minds, or does what is not to be done. */
static int look_for_others(int fd, unsigned does, unsigned lets)
{
    int r = 0;
    for (unsigned bits = BLOCK_PERM_ALL; bits && r == 0; bits &= bits - 1) {
        const unsigned n = ctz32(bits);
        if (bit(does, n)) {
            r = lock_byte(fd, F_OFD_GETLK, F_WRLCK, FORBIDS + n);
        }
        if (r == 0 && !bit(lets, n)) {
            r = lock_byte(fd, F_OFD_GETLK, F_WRLCK, DOES + n);
        }
    }
    return r;
}

/*
 * The locks of a program that was killed last until the kernel has ended the requests it had on its
 * ring, so a restart right after a crash has to wait for them; so long other programs are let pass.
 */
bool block_lock_change(struct block_lock *l, int fd, const char *file, unsigned does, unsigned lets,
                       struct error *e)
{
    const int64_t limit = os_now_ns() + LOCK_PATIENCE_NS;
    const bool asks_more = (does & ~l->does) || (l->lets & ~lets);
    int r;
    for (;;) {
        r = hold(fd, does, lets, false);
        if (r == 0 && asks_more) {
            r = look_for_others(fd, does, lets);
        }
        if (r != -EAGAIN || os_now_ns() >= limit) {
            break;
        }
        hold(fd, l->does, l->lets, true);
        os_sleep_until_ns(os_now_ns() + LOCK_PATIENCE_NS / 50);
    }
    if (r == -EAGAIN) {
        hold(fd, l->does, l->lets, true);
        return error_set(e, "%s is in use: another program%s has it open (locking=off overrides)",
                         file, does & BLOCK_PERM_WRITE ? "" : " that may write to it");
    }
    hold(fd, does, lets, true); /* a file system without locks is taken as it is */
    l->does = does;
    l->lets = lets;
    return true;
}
