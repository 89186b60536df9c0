/* Runs a fuzz target over files and folders given as arguments, without a fuzzing engine; and with
 * --seconds N first, over what chance makes of them for so long: a blind hunt with a fixed seed,
 * which needs no compiler of its own. `make fuzz` hunts with its eyes open. */
#include <dirent.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "../chance.h"

enum { INPUT_BYTES_MAX = 65536, INPUTS_MAX = 4096, CHANGES_MAX = 8 };

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

typedef struct input {
    uint8_t *data;
    size_t size;
} input;

static unsigned n_inputs;
static input corpus[INPUTS_MAX]; /* n_corpus of them */
static size_t n_corpus;

/* ---- replaying ------------------------------------------------------------------------------- */

/* Exactly `size` bytes of the heap: a read one byte beyond is then seen by the sanitizer. */
static void try_input(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size > 0 ? size : 1);
    if (!copy)
        exit(1);
    memcpy(copy, data, size);
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
    n_inputs++;
}

static void replay_file(const char *path)
{
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    fseek(file, 0, SEEK_END);
    long size = ftell(file);
    rewind(file);
    uint8_t *data = malloc(size > 0 ? (size_t)size : 1);
    if (!data || fread(data, 1, (size_t)size, file) != (size_t)size) {
        perror(path);
        exit(1);
    }
    fclose(file);
    try_input(data, (size_t)size);
    if (n_corpus < INPUTS_MAX && size <= INPUT_BYTES_MAX)
        corpus[n_corpus++] = (input){data, (size_t)size};
    else
        free(data);
}

static void replay(const char *path)
{
    struct stat about;
    if (stat(path, &about) != 0) {
        perror(path);
        exit(1);
    }
    if (!S_ISDIR(about.st_mode)) {
        replay_file(path);
        return;
    }
    DIR *folder = opendir(path);
    if (!folder) {
        perror(path);
        exit(1);
    }
    for (struct dirent *entry; (entry = readdir(folder));) {
        char inside[4096];
        if (entry->d_name[0] == '.')
            continue;
        snprintf(inside, sizeof inside, "%s/%s", path, entry->d_name);
        replay(inside);
    }
    closedir(folder);
}

/* ---- the blind hunt -------------------------------------------------------------------------- */

static uint64_t state = 1;

static uint64_t chance(void)
{
    return test_draw(&state);
}

static size_t below(size_t n)
{
    return n > 0 ? (size_t)(chance() % n) : 0;
}

/* Put `more` in place of `gone` bytes at `at`. */
static void splice(uint8_t *data, size_t *size, size_t at, size_t gone, const uint8_t *more,
                   size_t n_more)
{
    if (*size - gone + n_more > INPUT_BYTES_MAX)
        return;
    memmove(data + at + n_more, data + at + gone, *size - at - gone);
    memcpy(data + at, more, n_more);
    *size += n_more - gone;
}

/* What parsers stumble over: signs, limits, ends. */
static void put_word(uint8_t *data, size_t *size, size_t at)
{
    static const char *const words[] = {"0",
                                        "-1",
                                        "99999999999999999999",
                                        "1e999",
                                        "NaN",
                                        "\"",
                                        "{",
                                        "[",
                                        "]",
                                        "}",
                                        ",",
                                        ":",
                                        "\\u0000",
                                        "\n",
                                        "\r\n\r\n",
                                        "%",
                                        "\xff\xff\xff\xff",
                                        "\x80",
                                        "\xc0\xaf",
                                        "../"};
    const char *word = words[below(sizeof words / sizeof *words)];
    size_t gone = below(2) ? 0 : below(*size - at + 1 < 8 ? *size - at + 1 : 8);
    splice(data, size, at, gone, (const uint8_t *)word, strlen(word));
}

static void change(uint8_t *data, size_t *size)
{
    size_t at = below(*size + 1), left = *size - at, n = below(left + 1 < 64 ? left + 1 : 64);
    const input *other = &corpus[below(n_corpus)];
    size_t from = below(other->size), part = below(other->size - from + 1);
    uint8_t byte = (uint8_t)chance(), copy[64];
    memcpy(copy, data + at, n);
    switch (below(7)) {
    case 0:
        if (left > 0)
            data[at] ^= (uint8_t)(1u << below(8));
        break;
    case 1:
        if (left > 0)
            data[at] = byte;
        break;
    case 2:
        splice(data, size, at, 0, &byte, 1);
        break;
    case 3:
        splice(data, size, at, n, copy, 0);
        break;
    case 4:
        splice(data, size, at, 0, copy, n);
        break;
    case 5:
        splice(data, size, at, 0, other->data + from, part < 256 ? part : 256);
        break;
    default:
        put_word(data, size, at);
    }
}

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static void hunt(double seconds)
{
    static uint8_t data[INPUT_BYTES_MAX + 256];
    double end = now() + seconds;
    while (n_corpus > 0 && now() < end) {
        const input *base = &corpus[below(n_corpus)];
        size_t size = base->size;
        memcpy(data, base->data, size);
        for (size_t i = 1 + below(CHANGES_MAX); i > 0; i--)
            change(data, &size);
        try_input(data, size);
    }
}

int main(int argc, char **argv)
{
    double seconds = 0;
    int first = 1;
    if (argc > 2 && strcmp(argv[1], "--seconds") == 0) {
        seconds = strtod(argv[2], NULL);
        first = 3;
    }
    for (int i = first; i < argc; i++)
        replay(argv[i]);
    unsigned n_replayed = n_inputs;
    hunt(seconds);
    printf("%u inputs replayed, %u made\n", n_replayed, n_inputs - n_replayed);
    while (n_corpus > 0)
        free(corpus[--n_corpus].data);
    return n_replayed > 0 ? 0 : 1;
}
