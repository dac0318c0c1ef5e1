/* SPDX-License-Identifier: MIT */
/*
 * A program of C's library alone, as picolibc's users write them: its files, console, arguments,
 * time and status are the host's, by semihosting.
 */
#include <errno.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static void files(void)
{
    char line[80];
    FILE *f = fopen("notes", "w");
    for (int i = 1; f && i <= 1000; i++) {
        fprintf(f, "line %d of %s\n", i, "notes");
    }
    printf("closed %d\n", f ? fclose(f) : -1);
    f = fopen("notes", "r");
    int lines = 0;
    while (f && fgets(line, sizeof(line), f)) {
        lines++;
    }
    printf("%d lines, the last: %s", lines, line);
    printf("removed %d\n", remove("notes"));
    f = fopen("notes", "r");
    printf("gone %d: %s\n", f == NULL, strerror(errno));
}

int main(int argc, char **argv)
{
    char name[40];
    printf("%d arguments", argc);
    for (int i = 1; i < argc; i++) {
        printf(" '%s'", argv[i]);
    }
    printf("\n%.10f %s\n", sqrt(2.0), "by printf");
    files();
    char *heap = malloc(1 << 20);
    memset(heap, 'x', 1 << 20);
    printf("heap %d\n", heap && heap[12345] == 'x');
    free(heap);
    printf("asks: ");
    fflush(stdout);
    printf("hello %s", fgets(name, sizeof(name), stdin));
    printf("late enough %d\n", time(NULL) > 1700000000);
    fprintf(stderr, "an error line\n");
    exit(argc == 5 ? 23 : 1);
}
