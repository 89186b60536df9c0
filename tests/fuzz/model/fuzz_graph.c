/* Any bytes as a graph for ONNX Runtime: what is found in them lies inside them. */
#include "model/foreign.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define HOLDS(condition)      \
    do {                      \
        if (!(condition))     \
            __builtin_trap(); \
    } while (0)

static void check(const foreign *f)
{
    const foreign_labels *labels = f->labels.items;
    const foreign_zip *zips = f->zips.items;
    for (size_t i = 0; i < f->labels.count; i++)
        HOLDS(labels[i].count > 0 && labels[i].first + labels[i].count <= f->texts.count);
    for (size_t i = 0; i < f->zips.count; i++)
        HOLDS(zips[i].labels < f->labels.count);
}

static void follow_texts(const foreign *f)
{
    const mw_view *names = f->onnx.names.items;
    for (size_t i = 0; i < f->onnx.names.count && i < 8; i++) {
        mw_error err = {0};
        model_list views = {.item_bytes = sizeof(mw_view)};
        if (foreign_categories(f, names[i], &views, &err) != MW_OK)
            HOLDS(err.what[0] != '\0');
        model_list_done(&views);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    mw_error err = {0};
    foreign f;
    foreign_init(&f, (mw_view){(const char *)data, size});
    if (foreign_scan(&f, &err) == MW_OK) {
        check(&f);
        follow_texts(&f);
    } else {
        HOLDS(err.what[0] != '\0');
    }
    foreign_done(&f);
    return 0;
}
