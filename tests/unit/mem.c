/* SPDX-License-Identifier: MIT */
/* Heap memory: base/mem.h. */
#include "base/mem.h"

#include <sys/wait.h>
#include <unistd.h>

#include "tests/test.h"

TEST(allocated_memory_is_zeroed)
{
    uint8_t *p = mem_alloc(4096), *a = mem_array(64, 64);
    for (unsigned i = 0; i < 4096; i++) {
        CHECK_EQ(p[i] | a[i], 0);
    }
    mem_free(p);
    mem_free(a);
}

TEST(no_bytes_give_a_pointer_of_their_own)
{
    void *p = mem_alloc(0), *q = mem_try_alloc(0);
    CHECK(p && q && p != q);
    mem_free(p);
    mem_free(q);
    mem_free(NULL);
}

TEST(trying_for_too_much_gives_null)
{
    CHECK(!mem_try_alloc(SIZE_MAX));
    CHECK(!mem_try_alloc(SIZE_MAX / 2 + 1));
    CHECK(!mem_try_array(SIZE_MAX / 2, 3)); /* the product wraps to a small number */
    CHECK(!mem_try_array(SIZE_MAX / 4 + 2, 4));
    void *p = mem_try_array(3, 5);
    CHECK(p);
    mem_free(p);
}

TEST(growing_keeps_the_contents)
{
    uint32_t *p = mem_array(2, sizeof(*p));
    p[0] = 7;
    p[1] = 9;
    p = mem_resize_array(p, 1000, sizeof(*p));
    CHECK_EQ(p[0], 7);
    CHECK_EQ(p[1], 9);
    p = mem_realloc(p, 4);
    CHECK_EQ(p[0], 7);
    mem_free(p);
}

TEST(copies_are_separate_from_their_source)
{
    char text[] = "virt";
    char *s = mem_strdup(text), *d = mem_dup(text, 2);
    text[0] = 'x';
    CHECK_STR(s, "virt");
    CHECK_MEM(d, "vi", 2);
    CHECK(!mem_strdup(NULL));
    mem_free(s);
    mem_free(d);
}

TEST(formatted_text_has_any_length)
{
    char *s = mem_printf("%s-%d", "cpu", 3), *t = mem_printf("%5000d", 1);
    CHECK_STR(s, "cpu-3");
    CHECK_EQ(strlen(t), 5000);
    mem_free(s);
    mem_free(t);
}

/* The exit status of a child process that asks for what nobody has. */
static int status_of_exhausted_child(void)
{
    fflush(NULL);
    pid_t pid = fork();
    if (pid == 0) {
        if (!freopen("/dev/null", "w", stderr)) {
            _exit(9);
        }
        volatile size_t n = SIZE_MAX / 2;
        mem_free(mem_array(n, 4));
        _exit(0);
    }
    int status = 0;
    waitpid(pid, &status, 0);
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

TEST(exhaustion_of_memory_we_sized_ends_the_process_with_status_1)
{
    CHECK_EQ(status_of_exhausted_child(), 1);
}
