/* The files of a version: the first byte says which; what is read has texts, and shares in 0..1. */
#include <stdint.h>
#include <stdlib.h>

#include "registry/passport.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const mw_passport *p)
{
    for (size_t i = 0; i < p->columns.count; i++) {
        const mw_passport_column *c = &p->columns.items[i];
        if (!c->type.data || c->type.size == 0 || c->missing < 0 || c->missing > 1 ||
            c->low > c->high)
            abort();
        for (size_t w = 0; w < c->n_was; w++)
            if (!c->was[w].data || c->was[w].size == 0)
                abort();
    }
    for (size_t i = 0; i < p->libraries.count; i++)
        if (p->libraries.items[i].name.size == 0 || !p->libraries.items[i].version.data)
            abort();
}

static mw_status fetch(void *user, uint64_t begin, size_t size, mw_buf *out, mw_error *err)
{
    const mw_view *file = user;
    (void)err;
    if (begin > file->size || size > file->size - begin)
        abort();
    mw_buf_bytes(out, file->data + begin, size);
    return MW_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_error err;
    mw_arena arena;
    mw_view model_file;
    mw_passport p = {0};
    if (size == 0)
        return 0;
    mw_view text = {(const char *)data + 1, size - 1};
    mw_arena_init(&arena, 4 * MW_KIB, 64 * MW_MIB);
    record_memory memory = {&arena, false};
    switch (data[0]) {
    case 'r':
        passport_read_requirements(text, &memory, &p);
        break;
    case 'e':
        (void)!passport_read_environment(text, &memory, &p, &err);
        break;
    case 'o': /* an ONNX file */
        if (passport_read_onnx(fetch, &text, text.size, &memory, &p, &err) != MW_OK &&
            err.what[0] == '\0')
            abort();
        break;
    case 'x': { /* an example of columns that are there */
        static const char inputs[] =
            "signature: {inputs: '[{\"name\": \"a\", \"type\": \"double\"}]'}";
        (void)!passport_read_mlmodel(MW_VIEW(inputs), &memory, &p, &model_file, &err);
        (void)!passport_read_example(text, &p, &err);
        break;
    }
    case 'c': { /* a contract of columns that are there */
        static const char inputs[] =
            "signature: {inputs: '[{\"name\": \"a\", \"type\": \"double\"},"
            " {\"name\": \"b\", \"type\": \"string\"}]'}";
        (void)!passport_read_mlmodel(MW_VIEW(inputs), &memory, &p, &model_file, &err);
        if (passport_read_contract(text, &memory, &p, &err) != MW_OK && err.what[0] == '\0')
            abort();
        break;
    }
    default:
        (void)!passport_read_mlmodel(text, &memory, &p, &model_file, &err);
    }
    check(&p);
    mw_arena_done(&arena);
    return 0;
}
